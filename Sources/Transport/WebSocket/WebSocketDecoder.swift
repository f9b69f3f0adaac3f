/// A client's frames, taken apart (RFC 6455 §5): bytes in as they come, payload out at the place where they stood. Nothing of a frame is
/// kept but its header and what a control frame carries, however long it says it is.
package struct WebSocketDecoder: Sendable {
    package enum Event: Equatable, Sendable {
        /// The payload since the last one was a message.
        case messageEnd(isText: Bool)
        /// To be answered by a pong with the same payload.
        case ping([UInt8])
        /// The client's close frame; nil: without a code. Nothing that follows counts.
        case close(UInt16?)
        /// The client broke the rules; the code for the close frame. Nothing that follows counts.
        case violation(UInt16)
    }

    private enum State {
        /// Exits: `payload` or `control` by a whole header, `ended` by a bad one.
        case header
        /// Exits: `header` by its last byte.
        case payload(remaining: UInt64)
        /// Exits: `header` by its last byte, `ended` if it is a close frame.
        case control(remaining: UInt64)
        /// Exits: none.
        case ended
    }

    /// A longer frame is refused (1009).
    package var payloadBytesMax: UInt64
    private let acceptsText: Bool
    private var state = State.header
    private var header = WebSocketFrameHeader()
    /// What the message began as; nil between messages.
    private var message: WebSocketFrame.Opcode?
    private var mask = WebSocketMask(0)
    private var controlPayload: [UInt8] = []

    /// - Parameter acceptsText: else messages of text are refused (1003); that they are UTF-8 is for the caller to check.
    package init(payloadBytesMax: UInt64, acceptsText: Bool = false) {
        self.payloadBytesMax = payloadBytesMax
        self.acceptsText = acceptsText
    }

    /// Decodes on from `read`, moving payload, unmasked, to `written`; `written` is at most `read`, and both move on.
    /// - Returns: the next event; nil when all bytes are read.
    package mutating func decode(
        _ bytes: inout MutableSpan<UInt8>, read: inout Int, written: inout Int
    ) -> Event? {
        precondition(0 <= written && written <= read && read <= bytes.count)
        while read < bytes.count {
            var event: Event?
            switch state {
            case .header:
                let isWhole = header.append(bytes[read])
                read += 1
                if isWhole { event = endHeader() } else { event = checkStart() }
            case .payload(let remaining):
                let count = Int(min(remaining, UInt64(bytes.count - read)))
                mask.apply(to: &bytes, from: read, to: written, count: count)
                read += count
                written += count
                event = advance(remaining - UInt64(count))
            case .control(let remaining):
                let count = Int(min(remaining, UInt64(bytes.count - read)))
                mask.apply(to: &bytes, from: read, to: read, count: count)
                for index in read..<(read + count) { controlPayload.append(bytes[index]) }
                read += count
                event = advanceControl(remaining - UInt64(count))
            case .ended:
                read = bytes.count
            }
            if let event { return event }
        }
        return nil
    }

    /// What is wrong with the first two bytes shows before the rest is there.
    private mutating func checkStart() -> Event? {
        guard header.count == 2 else { return nil }
        // RSV bits belong to extensions, and none was agreed on.
        guard header.reservedBits == 0, header.isMasked, let opcode = header.opcode else {
            return violation(WebSocketFrame.CloseCode.protocolError)
        }
        if opcode.isControl {
            guard header.isFinal, header.lengthCode <= WebSocketFrame.controlPayloadBytesMax else {
                return violation(WebSocketFrame.CloseCode.protocolError)
            }
            return nil
        }
        guard (opcode == .continuation) == (message != nil) else {
            return violation(WebSocketFrame.CloseCode.protocolError)
        }
        if opcode == .text && !acceptsText { return violation(WebSocketFrame.CloseCode.unsupportedData) }
        return nil
    }

    private mutating func endHeader() -> Event? {
        guard let opcode = header.opcode else { preconditionFailure("checked with the first two bytes") }
        // The shortest form of a length is the only one, and its first bit is no part of it (RFC 6455 §5.2).
        guard let length = header.payloadBytes, length >> 63 == 0 else {
            return violation(WebSocketFrame.CloseCode.protocolError)
        }
        guard length <= payloadBytesMax else { return violation(WebSocketFrame.CloseCode.messageTooBig) }
        mask = WebSocketMask(header.mask)
        if opcode.isControl {
            controlPayload.removeAll(keepingCapacity: true)
            return advanceControl(length)
        }
        if opcode != .continuation { message = opcode }
        return advance(length)
    }

    private mutating func advance(_ remaining: UInt64) -> Event? {
        guard remaining == 0 else {
            state = .payload(remaining: remaining)
            return nil
        }
        state = .header
        let isFinal = header.isFinal
        header = WebSocketFrameHeader()
        guard isFinal else { return nil }
        let isText = message == .text
        message = nil
        return .messageEnd(isText: isText)
    }

    private mutating func advanceControl(_ remaining: UInt64) -> Event? {
        guard remaining == 0 else {
            state = .control(remaining: remaining)
            return nil
        }
        state = .header
        let opcode = header.opcode
        header = WebSocketFrameHeader()
        switch opcode {
        case .ping: return .ping(controlPayload)
        // An answer to nothing, since we never ask: ignored (RFC 6455 §5.5.3).
        case .pong: return nil
        case .close: return endClose()
        case .continuation, .text, .binary, nil: preconditionFailure("no control frame")
        }
    }

    /// RFC 6455 §5.5.1: nothing, or a code and a reason in UTF-8.
    private mutating func endClose() -> Event? {
        state = .ended
        guard !controlPayload.isEmpty else { return .close(nil) }
        guard controlPayload.count >= 2 else { return .violation(WebSocketFrame.CloseCode.protocolError) }
        let code = UInt16(controlPayload[0]) << 8 | UInt16(controlPayload[1])
        guard WebSocketFrame.CloseCode.isValid(code) else {
            return .violation(WebSocketFrame.CloseCode.protocolError)
        }
        guard String(validating: controlPayload[2...], as: UTF8.self) != nil else {
            return .violation(WebSocketFrame.CloseCode.invalidPayload)
        }
        return .close(code)
    }

    private mutating func violation(_ code: UInt16) -> Event {
        state = .ended
        return .violation(code)
    }
}
