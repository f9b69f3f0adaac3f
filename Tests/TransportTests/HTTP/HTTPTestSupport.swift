import Transport

/// What a connection did with all bytes of a test, requests answered at once.
enum HTTPEvent: Equatable {
    case proceed
    case request(String, keepAlive: Bool)
    /// The request as `summary` has it, then the pieces of its body that came one after another as one.
    case stream(String)
    case body(String)
    case streamEnd(keepAlive: Bool)
    case reject(Int)
}

extension HTTPRequest {
    var summary: String {
        let fields = headers.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
        return "\(method) \(path)?\(query) [\(fields)] \(String(decoding: body, as: UTF8.self))"
    }
}

/// Feeds the pieces one after another, as a driver would.
func events(_ pieces: [[UInt8]], limits: HTTPLimits = HTTPLimits()) -> [HTTPEvent] {
    var state = HTTPConnectionState(limits: limits)
    var events: [HTTPEvent] = []
    for piece in pieces {
        var rest = piece[...]
        while !rest.isEmpty {
            let (consumed, action) = state.received(Array(rest).span)
            rest = rest.dropFirst(consumed)
            switch action {
            case .needMore:
                precondition(rest.isEmpty, "needs more, but left bytes")
                if isStreaming(events) { note(state.takeBody(), in: &events) }
            case .sendContinue: events.append(.proceed)
            case .request(let request):
                let keepAlive = state.keepAlive
                precondition(state.responded() == keepAlive)
                events.append(.request(request.summary, keepAlive: keepAlive))
            case .stream(let request):
                precondition(request.body.isEmpty && state.takeBody().isEmpty, "the body is still to come")
                events.append(.stream(request.summary))
            case .streamEnd:
                note(state.takeBody(), in: &events)
                let keepAlive = state.keepAlive
                precondition(state.responded() == keepAlive)
                events.append(.streamEnd(keepAlive: keepAlive))
            case .reject(let rejection): events.append(.reject(rejection.status))
            }
        }
    }
    return events
}

private func isStreaming(_ events: [HTTPEvent]) -> Bool {
    switch events.last {
    case .stream, .body: true
    default: false
    }
}

private func note(_ bytes: [UInt8], in events: inout [HTTPEvent]) {
    guard !bytes.isEmpty else { return }
    var text = String(decoding: bytes, as: UTF8.self)
    if case .body(let before) = events.last {
        text = before + text
        events.removeLast()
    }
    events.append(.body(text))
}

func events(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [HTTPEvent] {
    events([Array(text.utf8)], limits: limits)
}
