import Memory

/// One connection's incremental HTTP/1.1 parser (RFC 9112): bytes in, at most one action out. It holds a single
/// request; bytes that follow it (pipelining) stay with the caller until the request is answered. Of a body that `HTTPLimits.streamed`
/// names it holds only what the caller has not taken yet.
package struct HTTPConnectionState: Sendable {
    package enum Action: Sendable {
        /// Everything was consumed; call again when more has arrived.
        case needMore
        /// Write `HTTPConnectionState.continueResponse`, then call again with what was not consumed.
        case sendContinue
        /// Answer it, call `responded`, then call again with what was not consumed.
        case request(HTTPRequest)
        /// A request without its body, which follows: after each further call `takeBody` has what arrived of it. The answer may come before
        /// its end; then `keepAlive` is false.
        case stream(HTTPRequest)
        /// The streamed body is complete; `takeBody` has the last of it. As after `request`.
        case streamEnd
        /// Answer with `keepAlive: false`, then linger and close. Further bytes are ignored.
        case reject(HTTPRejection)
    }

    /// What the connection waits for, for the caller's timers.
    package enum Phase: Sendable, Equatable { case idle, headers, body, response, closed }

    private enum State {
        /// Exits: `fields` by a complete line.
        case requestLine
        /// Exits: `body`, `chunkSize` or `responding` by the empty line.
        case fields
        /// Exits: `responding` when nothing remains.
        case body(remaining: Int)
        /// Exits: `chunkData`, or `trailers` by the last chunk.
        case chunkSize
        /// Exits: `chunkEnd` when nothing remains.
        case chunkData(remaining: Int)
        /// Exits: `chunkSize` by an empty line.
        case chunkEnd
        /// Exits: `responding` by the empty line.
        case trailers
        /// Exits: `requestLine` or `closed` by `responded`.
        case responding
        /// Exits: none.
        case closed
    }

    package static let continueResponse = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private let limits: HTTPLimits
    private var state = State.requestLine
    /// The line that has not ended yet.
    private var line: [UInt8] = []
    /// An empty line before the request line was skipped (RFC 9112 §2.2); a second one is refused.
    private var hasSkippedLine = false
    private var head = HTTPRequestHead()
    private var fieldCount = 0
    private var fieldBytes = 0
    private var body: [UInt8] = []
    /// Of the body, taken away or not.
    private var bodyBytes = 0
    private var bodyBytesMax = 0
    private var isStreamed = false

    package init(limits: HTTPLimits = HTTPLimits()) {
        precondition(limits.requestLineBytesMax > 0 && limits.headerBytesMax > 0 && limits.bodyBytesMax >= 0)
        self.limits = limits
    }

    package var phase: Phase {
        switch state {
        case .requestLine: line.isEmpty && !hasSkippedLine ? .idle : .headers
        case .fields: .headers
        case .body, .chunkSize, .chunkData, .chunkEnd, .trailers: .body
        case .responding: .response
        case .closed: .closed
        }
    }

    /// Takes bytes from the client.
    /// - Returns: how many were taken, and what to do now; less than all only with `sendContinue`, `request`, or while
    ///   a request waits for its answer.
    package mutating func received(_ bytes: Span<UInt8>) -> (consumed: Int, action: Action) {
        var offset = 0
        do {
            while offset < bytes.count {
                if case .responding = state { return (offset, .needMore) }
                if case .closed = state { return (bytes.count, .needMore) }
                if let action = try advance(bytes, &offset) { return (offset, action) }
            }
            return (offset, .needMore)
        } catch {
            state = .closed
            line = []
            body = []
            return (bytes.count, .reject(error))
        }
    }

    /// The answer to the last request is written.
    /// - Returns: whether the connection stays; what `keepAlive` was to be while writing.
    package mutating func responded() -> Bool {
        guard case .responding = state else { preconditionFailure("no request waits for an answer") }
        let keepAlive = head.keepAlive
        state = keepAlive ? .requestLine : .closed
        head = HTTPRequestHead()
        hasSkippedLine = false
        return keepAlive
    }

    /// What has arrived of a streamed body since the last call.
    package mutating func takeBody() -> [UInt8] {
        precondition(isStreamed)
        var taken: [UInt8] = []
        swap(&taken, &body)
        return taken
    }

    /// The client may wait for `continueResponse` before it sends the body.
    package var expectsContinue: Bool { head.expectsContinue }

    /// Whether the connection can stay after the answer to the request that waits for it.
    package var keepAlive: Bool {
        guard case .responding = state else { return false }
        return head.keepAlive
    }

    /// One step: a line, or a piece of the body.
    private mutating func advance(_ bytes: Span<UInt8>, _ offset: inout Int) throws(HTTPRejection) -> Action? {
        switch state {
        case .requestLine:
            guard try takeLine(bytes, &offset, max: limits.requestLineBytesMax, .targetTooLong) else { return nil }
            return try endRequestLine()
        case .fields:
            guard try takeLine(bytes, &offset, max: limits.headerBytesMax - fieldBytes, .headersTooLarge) else {
                return nil
            }
            return try endField()
        case .body(let remaining):
            let left = remaining - takeBody(bytes, &offset, max: remaining)
            if left == 0 { return complete() }
            state = .body(remaining: left)
        case .chunkSize:
            let tooLong = HTTPRejection.badRequest("A chunk's size line is too long.")
            guard try takeLine(bytes, &offset, max: limits.chunkLineBytesMax, tooLong) else { return nil }
            try endChunkSize()
        case .chunkData(let remaining):
            let left = remaining - takeBody(bytes, &offset, max: remaining)
            state = left == 0 ? .chunkEnd : .chunkData(remaining: left)
        case .chunkEnd:
            let tooLong = HTTPRejection.badRequest("A chunk is longer than its size.")
            guard try takeLine(bytes, &offset, max: 0, tooLong) else { return nil }
            state = .chunkSize
        case .trailers:
            guard try takeLine(bytes, &offset, max: limits.headerBytesMax - fieldBytes, .headersTooLarge) else {
                return nil
            }
            return try endTrailer()
        case .responding, .closed:
            preconditionFailure("takes no bytes")
        }
        return nil
    }

    /// Moves bytes to `line` up to its end; true once it has ended, with CR and LF left out.
    private mutating func takeLine(
        _ bytes: Span<UInt8>, _ offset: inout Int, max: Int, _ tooLong: HTTPRejection
    ) throws(HTTPRejection) -> Bool {
        while offset < bytes.count {
            if line.last == UInt8(ascii: "\r") {
                guard bytes[offset] == UInt8(ascii: "\n") else { throw .badRequest("A carriage return stands alone.") }
                offset += 1
                line.removeLast()
                return true
            }
            var end = offset
            while end < bytes.count, bytes[end] != UInt8(ascii: "\r"), bytes[end] != UInt8(ascii: "\n") { end += 1 }
            if end - offset > max - line.count { throw tooLong }
            line.append(span: bytes.extracting(offset..<end))
            offset = end
            guard end < bytes.count else { return false }
            if bytes[end] == UInt8(ascii: "\n") { throw .badRequest("A line feed stands alone.") }
            line.append(UInt8(ascii: "\r"))
            offset += 1
        }
        return false
    }

    private mutating func endRequestLine() throws(HTTPRejection) -> Action? {
        if line.isEmpty {
            if hasSkippedLine { throw .badRequest("There is no request line.") }
            hasSkippedLine = true
            return nil
        }
        try head.parseRequestLine(line)
        line.removeAll(keepingCapacity: true)
        (fieldCount, fieldBytes) = (0, 0)
        state = .fields
        return nil
    }

    private mutating func endField() throws(HTTPRejection) -> Action? {
        guard line.isEmpty else {
            let field = try countedField()
            head.append(field)
            return nil
        }
        let rule = limits.streamed.first { head.matches($0) }
        bodyBytesMax = rule?.bodyBytesMax ?? limits.bodyBytesMax
        bodyBytes = 0
        isStreamed = false
        let framing = try head.framing(bodyBytesMax: bodyBytesMax)
        switch framing {
        case .none, .length(0):
            return complete()
        case .length(let length): state = .body(remaining: length)
        case .chunked: state = .chunkSize
        }
        guard rule == nil else {
            line.removeAll(keepingCapacity: true)
            isStreamed = true
            return .stream(head.request(body: []))
        }
        return head.expectsContinue ? .sendContinue : nil
    }

    private mutating func endTrailer() throws(HTTPRejection) -> Action? {
        if line.isEmpty { return complete() }
        _ = try countedField()
        return nil
    }

    private mutating func countedField() throws(HTTPRejection) -> HTTPField {
        fieldCount += 1
        fieldBytes += line.count
        if fieldCount > limits.headerFieldsMax { throw .headersTooLarge }
        let field = try HTTPField(parsing: line)
        line.removeAll(keepingCapacity: true)
        return field
    }

    private mutating func endChunkSize() throws(HTTPRejection) {
        let size = try chunkSize(line)
        line.removeAll(keepingCapacity: true)
        if size > bodyBytesMax - bodyBytes { throw .bodyTooLarge }
        if size > 0 {
            state = .chunkData(remaining: size)
        } else {
            (fieldCount, fieldBytes) = (0, 0)
            state = .trailers
        }
    }

    /// Only what has arrived takes memory, whatever length was announced.
    private mutating func takeBody(_ bytes: Span<UInt8>, _ offset: inout Int, max: Int) -> Int {
        let count = min(bytes.count - offset, max)
        bytes.extracting(offset..<offset + count).withUnsafeBufferPointer { body.append(contentsOf: $0) }
        offset += count
        bodyBytes += count
        return count
    }

    private mutating func complete() -> Action {
        state = .responding
        line.removeAll(keepingCapacity: true)
        if isStreamed { return .streamEnd }
        let request = head.request(body: body)
        body = []
        return .request(request)
    }
}
