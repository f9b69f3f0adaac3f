/// A client's frame header while its bytes come in: 2, then 0, 2 or 8 of length, then 4 of mask (RFC 6455 §5.2).
struct WebSocketFrameHeader {
    private var storage = InlineArray<14, UInt8>(repeating: 0)
    private(set) var count = 0

    /// - Returns: true if that was the last byte.
    mutating func append(_ byte: UInt8) -> Bool {
        storage[count] = byte
        count += 1
        return count >= 2 && count == 2 + lengthBytes + 4
    }

    var isFinal: Bool { storage[0] & 0x80 != 0 }
    var reservedBits: UInt8 { storage[0] & 0x70 }
    /// nil: one that is not assigned.
    var opcode: WebSocketFrame.Opcode? { WebSocketFrame.Opcode(rawValue: storage[0] & 0x0F) }
    var isMasked: Bool { storage[1] & 0x80 != 0 }
    /// The length itself up to 125; 126 and 127 announce two and eight bytes.
    var lengthCode: Int { Int(storage[1] & 0x7F) }

    /// nil: it is not in its shortest form.
    var payloadBytes: UInt64? {
        var value: UInt64 = 0
        for index in 2..<(2 + lengthBytes) { value = value << 8 | UInt64(storage[index]) }
        switch lengthBytes {
        case 0: return UInt64(lengthCode)
        case 2: return value > 125 ? value : nil
        default: return value > 0xFFFF ? value : nil
        }
    }

    /// In the order of the bytes: the first one lowest.
    var mask: UInt32 {
        let start = 2 + lengthBytes
        return (0..<4).reduce(0) { $0 | UInt32(storage[start + $1]) << (8 * $1) }
    }

    private var lengthBytes: Int {
        switch lengthCode {
        case 126: 2
        case 127: 8
        default: 0
        }
    }
}
