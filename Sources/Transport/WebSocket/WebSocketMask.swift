/// A frame's mask (RFC 6455 §5.3), turned so that its lowest byte is the next to use.
struct WebSocketMask {
    private var bits: UInt32

    /// - Parameter bits: the first byte lowest.
    init(_ bits: UInt32) { self.bits = bits }

    /// Moves `count` bytes from `source` down to `target` (or leaves them there), unmasked.
    mutating func apply(to bytes: inout MutableSpan<UInt8>, from source: Int, to target: Int, count: Int) {
        precondition(0 <= target && target <= source && count >= 0 && source + count <= bytes.count)
        let wide = (UInt64(bits) << 32 | UInt64(bits)).littleEndian
        bytes.withUnsafeMutableBytes { raw in
            var offset = 0
            // Reading is never behind writing, so what is still to be read is never overwritten.
            while count - offset >= 8 {
                let word = raw.loadUnaligned(fromByteOffset: source + offset, as: UInt64.self)
                raw.storeBytes(of: word ^ wide, toByteOffset: target + offset, as: UInt64.self)
                offset += 8
            }
            while offset < count {
                raw[target + offset] =
                    raw[source + offset] ^ UInt8(truncatingIfNeeded: bits >> (8 * UInt32(offset & 3)))
                offset += 1
            }
        }
        let turn = 8 * UInt32(count & 3)
        if turn != 0 { bits = bits >> turn | bits << (32 - turn) }
    }
}
