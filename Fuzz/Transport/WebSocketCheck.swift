import FuzzSupport
import Transport

/// What a decoder made of the bytes that it got.
enum WebSocketResult: Equatable {
    case message([UInt8], isText: Bool)
    case event(WebSocketDecoder.Event)
    /// Payload of a message that has not ended.
    case rest([UInt8])
}

func checkWebSocket(_ stream: [UInt8], _ pieces: [[UInt8]], payloadBytesMax: UInt64) {
    for acceptsText in [false, true] {
        let whole = decode([stream], payloadBytesMax, acceptsText)
        expectEqual(decode(pieces, payloadBytesMax, acceptsText), whole, "the same bytes in other pieces")
        // Messages that were read are read again from frames of one piece.
        let frames = whole.flatMap(frame)
        let again = decode([frames], .max >> 1, acceptsText)
        expectEqual(again, whole.filter { isFramed($0) }, "what was read, in new frames")
    }
}

/// Stops at the end of the connection, as its owner does.
private func decode(_ pieces: [[UInt8]], _ payloadBytesMax: UInt64, _ acceptsText: Bool) -> [WebSocketResult] {
    var decoder = WebSocketDecoder(payloadBytesMax: payloadBytesMax, acceptsText: acceptsText)
    var results: [WebSocketResult] = []
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
                results.append(.message(message, isText: isText))
                message = []
            case .ping(let payload):
                expect(payload.count <= 125, "a long ping")
                results.append(.event(event))
            case .close, .violation: return results + (message.isEmpty ? [] : [.rest(message)]) + [.event(event)]
            }
        }
        expectEqual(read, piece.count, "bytes that were taken")
    }
    return message.isEmpty ? results : results + [.rest(message)]
}

private func isFramed(_ result: WebSocketResult) -> Bool {
    switch result {
    case .message, .event(.ping), .event(.close): true
    case .event(.messageEnd), .event(.violation), .rest: false
    }
}

/// A client's frame: the server's, with a mask.
private func frame(_ result: WebSocketResult) -> [UInt8] {
    switch result {
    case .message(let payload, let isText): masked(isText ? .text : .binary, payload)
    case .event(.ping(let payload)): masked(.ping, payload)
    case .event(.close(let code)):
        masked(.close, code.map { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] } ?? [])
    case .event(.messageEnd), .event(.violation), .rest: []
    }
}

private func masked(_ opcode: WebSocketFrame.Opcode, _ payload: [UInt8]) -> [UInt8] {
    let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    var frame = WebSocketFrame.header(opcode, payloadBytes: payload.count).bytes
    frame[1] |= 0x80
    return frame + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
}

/// For seeds.
func clientFrames(_ frames: [(WebSocketFrame.Opcode, [UInt8])]) -> [UInt8] { frames.flatMap { masked($0.0, $0.1) } }
