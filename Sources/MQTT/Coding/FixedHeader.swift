/// The first two to five bytes of a packet: what comes, and how long it is (MQTT 5 §2.1).
package struct FixedHeader: Equatable, Sendable {
    package var type: PacketType
    package var flags: UInt8
    /// Bytes of the header itself.
    package var length: Int
    package var remainingLength: Int
    package var packetLength: Int { length + remainingLength }

    /// The longest packet that the protocol can express: five bytes of header and 2^28 - 1 after them.
    package static let packetBytesLimit = 5 + VariableInteger.max

    /// Reads the header at `offset`; nil: more bytes are needed. Refuses flags that the type does not have, a length of
    /// more than four bytes, and a packet of more than `packetBytesMax` bytes as soon as its header says so.
    package static func read(
        _ bytes: Span<UInt8>, at offset: Int, packetBytesMax: Int
    ) throws(ProtocolError) -> FixedHeader? {
        precondition(offset >= 0)
        guard offset < bytes.count else { return nil }
        let first = bytes[offset]
        guard let type = PacketType(rawValue: first >> 4) else { throw .malformed("packet type 0 is reserved") }
        let flags = first & 0x0F
        try checkFlags(flags, of: type)

        var remainingLength = 0
        var position = offset + 1
        for shift in stride(from: 0, through: 21, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            remainingLength |= Int(byte & 0x7F) << shift
            if byte < 0x80 {
                let header = FixedHeader(
                    type: type, flags: flags, length: position - offset, remainingLength: remainingLength)
                if header.packetLength > packetBytesMax {
                    throw ProtocolError(.packetTooLarge, "the packet is larger than this server accepts")
                }
                return header
            }
        }
        throw .malformed("the remaining length has more than four bytes")
    }

    private static func checkFlags(_ flags: UInt8, of type: PacketType) throws(ProtocolError) {
        if type == .publish {
            if flags & 0b0110 == 0b0110 { throw .malformed("QoS is 3") }  // [MQTT-3.3.1-4]
            if flags & 0b1110 == 0b1000 { throw .malformed("DUP is set at QoS 0") }  // [MQTT-3.3.1-2]
            return
        }
        // 3.1 allows DUP on what it sends at QoS 1; `checkVersion` refuses it for its successors.
        let isRepeatable = type.reservedFlags != 0
        if (isRepeatable ? flags & 0b0111 : flags) != type.reservedFlags {
            throw .malformed("reserved header flags are wrong")
        }
    }

    /// What could not be judged before the version was known.
    @inline(__always)
    func checkVersion(_ version: ProtocolVersion) throws(ProtocolError) {
        if version != .v3_1, type != .publish, flags != type.reservedFlags {
            throw .malformed("reserved header flags are wrong")  // [MQTT-2.1.3-1]
        }
        if version == .v5, length > 2, remainingLength < 1 << (7 * (length - 2)) {
            throw .malformed("the remaining length is not in its shortest form")  // [MQTT-1.5.5-1]
        }
    }
}
