import MQTT

/// Bytes from text: pairs of hexadecimal digits, literal text between single quotes, and parentheses around what a byte
/// of length stands before: `"0004'MQTT' (11 0000000A)"`.
func bytes(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    var openings: [Int] = []
    for (index, part) in text.split(separator: "'", omittingEmptySubsequences: false).enumerated() {
        if index % 2 == 1 {
            result += Array(part.utf8)
            continue
        }
        var high: UInt8?
        for character in part where !character.isWhitespace {
            if character == "(" {
                openings.append(result.count)
                result.append(0)
            } else if character == ")" {
                let opening = openings.removeLast()
                result[opening] = UInt8(result.count - opening - 1)
            } else {
                let digit = UInt8(String(character), radix: 16)!
                if let first = high { result.append(first << 4 | digit) }
                high = high == nil ? digit : nil
            }
        }
        precondition(high == nil, "half a byte in \(text)")
    }
    return result
}

/// Fixed header and body: the length comes by itself.
func packet(_ first: UInt8, _ body: String) -> [UInt8] {
    let body = bytes(body)
    precondition(body.count < 128)
    return [first, UInt8(body.count)] + body
}

/// Takes an array: the macros of Testing can't hold a span.
func header(
    _ bytes: [UInt8], at offset: Int = 0, packetBytesMax: Int = .max
) throws(ProtocolError) -> FixedHeader? {
    try FixedHeader.read(bytes.span, at: offset, packetBytesMax: packetBytesMax)
}

/// Nil: incomplete.
func decode(
    _ bytes: [UInt8], _ version: ProtocolVersion, packetBytesMax: Int = 65_536
) throws(ProtocolError) -> ClientPacket? {
    guard let header = try header(bytes, packetBytesMax: packetBytesMax) else { return nil }
    if bytes.count < header.packetLength { return nil }
    return try ClientPacket.decode(header, in: bytes.span, at: 0, version: version)
}

func reason(_ bytes: [UInt8], _ version: ProtocolVersion) -> ReasonCode? {
    do {
        _ = try decode(bytes, version)
        return nil
    } catch {
        return error.reason
    }
}

/// SplitMix64: the same sequence for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
