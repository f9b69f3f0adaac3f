import Transport

/// What a decoder made of all bytes of a test.
enum Decoded: Equatable {
    case message([UInt8], isText: Bool)
    case ping([UInt8])
    case close(UInt16?)
    case violation(UInt16)
    /// Payload of a message that has not ended.
    case rest([UInt8])
}

/// A client's frame, masked, with its length in the given number of bytes (nil: the shortest).
func clientFrame(
    _ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true, reserved: UInt8 = 0, lengthBytes: Int? = nil,
    mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
) -> [UInt8] {
    let bytes = lengthBytes ?? (payload.count <= 125 ? 0 : payload.count <= 0xFFFF ? 2 : 8)
    let code = bytes == 0 ? UInt8(payload.count) : bytes == 2 ? 126 : 127
    var frame = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode, (mask == nil ? 0 : 0x80) | code]
    for place in (0..<bytes).reversed() { frame.append(UInt8(truncatingIfNeeded: payload.count >> (8 * place))) }
    guard let mask else { return frame + payload }
    return frame + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
}

/// Feeds the pieces one after another; stops at the end of the connection.
func decoded(_ pieces: [[UInt8]], payloadBytesMax: UInt64 = 1 << 20, acceptsText: Bool = true) -> [Decoded] {
    var decoder = WebSocketDecoder(payloadBytesMax: payloadBytesMax, acceptsText: acceptsText)
    var result: [Decoded] = []
    var message: [UInt8] = []
    for piece in pieces {
        var bytes = piece
        var read = 0, written = 0, taken = 0
        var span = bytes.mutableSpan
        while true {
            let event = decoder.decode(&span, read: &read, written: &written)
            for index in taken..<written { message.append(span[index]) }
            taken = written
            guard let event else { break }
            switch event {
            case .messageEnd(let isText):
                result.append(.message(message, isText: isText))
                message = []
            case .ping(let payload): result.append(.ping(payload))
            case .close(let code): return result + [.close(code)]
            case .violation(let code): return result + [.violation(code)]
            }
        }
        precondition(read == piece.count, "everything is taken")
    }
    return message.isEmpty ? result : result + [.rest(message)]
}

/// The same sequence on every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
