/// Walks the body of a packet. Whatever would pass the end is a malformed packet, never a trap.
struct Cursor {
    private(set) var position: Int
    let end: Int

    init(_ header: FixedHeader, at offset: Int, in bytes: Span<UInt8>) {
        precondition(offset >= 0 && bytes.count - offset >= header.packetLength, "decode needs the whole packet")
        position = offset + header.length
        end = offset + header.packetLength
    }

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    var remaining: Int { end - position }
    var isAtEnd: Bool { position == end }

    @inline(__always)
    mutating func byte(in bytes: Span<UInt8>) throws(ProtocolError) -> UInt8 {
        guard position < end else { throw .malformed("the packet ends inside a byte field") }
        defer { position += 1 }
        return bytes[position]
    }

    @inline(__always)
    mutating func uint16(in bytes: Span<UInt8>) throws(ProtocolError) -> UInt16 {
        guard remaining >= 2 else { throw .malformed("the packet ends inside a two byte integer") }
        defer { position += 2 }
        return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }

    mutating func uint32(in bytes: Span<UInt8>) throws(ProtocolError) -> UInt32 {
        guard remaining >= 4 else { throw .malformed("the packet ends inside a four byte integer") }
        let high = try uint16(in: bytes)
        let low = try uint16(in: bytes)
        return UInt32(high) << 16 | UInt32(low)
    }

    /// §1.5.5; other than the shortest form is refused [MQTT-1.5.5-1].
    mutating func variableInteger(in bytes: Span<UInt8>) throws(ProtocolError) -> Int {
        var value = 0
        for shift in stride(from: 0, through: 21, by: 7) {
            let byte = try byte(in: bytes)
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 {
                if byte == 0, shift > 0 { throw .malformed("a variable byte integer is not in its shortest form") }
                return value
            }
        }
        throw .malformed("a variable byte integer has more than four bytes")
    }

    /// Two bytes of length and that many bytes (§1.5.6).
    @inline(__always)
    mutating func binary(in bytes: Span<UInt8>) throws(ProtocolError) -> Range<Int> {
        let length = Int(try uint16(in: bytes))
        return try take(length)
    }

    /// A UTF-8 encoded string (§1.5.4).
    mutating func string(in bytes: Span<UInt8>) throws(ProtocolError) -> Range<Int> {
        let range = try binary(in: bytes)
        guard UTF8Text.isString(bytes, range) else { throw .malformed("a string is not the UTF-8 that MQTT allows") }
        return range
    }

    /// A topic name (§4.7): a string without wildcards; empty where the caller allows it.
    @inline(__always)
    mutating func topicName(in bytes: Span<UInt8>) throws(ProtocolError) -> Range<Int> {
        let range = try binary(in: bytes)
        switch UTF8Text.scanTopic(bytes, range) {
        case .name: return range
        case .hasWildcards: throw ProtocolError(.topicNameInvalid, "a topic name contains a wildcard")
        case .invalid: throw .malformed("a topic name is not the UTF-8 that MQTT allows")
        }
    }

    /// The range of the properties that follow their length (§2.2.2).
    @inline(__always)
    mutating func properties(in bytes: Span<UInt8>) throws(ProtocolError) -> Range<Int> {
        let length = try variableInteger(in: bytes)
        return try take(length)
    }

    @inline(__always)
    mutating func take(_ count: Int) throws(ProtocolError) -> Range<Int> {
        guard count <= remaining else { throw .malformed("the packet ends inside a field") }
        let range = position..<position + count
        position += count
        return range
    }

    mutating func rest() -> Range<Int> {
        defer { position = end }
        return position..<end
    }

    func checkEnd() throws(ProtocolError) {
        if position != end { throw .malformed("bytes follow the last field") }
    }

    /// A packet identifier is never 0 [MQTT-2.2.1-3].
    mutating func packetID(in bytes: Span<UInt8>) throws(ProtocolError) -> UInt16 {
        let id = try uint16(in: bytes)
        if id == 0 { throw .violation("the packet identifier is 0") }
        return id
    }
}
