import Transport

/// What a connection did with all bytes of a test, requests answered at once.
enum HTTPEvent: Equatable {
    case proceed
    case request(String, keepAlive: Bool)
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
            case .needMore: precondition(rest.isEmpty, "needs more, but left bytes")
            case .sendContinue: events.append(.proceed)
            case .request(let request):
                let keepAlive = state.keepAlive
                precondition(state.responded() == keepAlive)
                events.append(.request(request.summary, keepAlive: keepAlive))
            case .reject(let rejection): events.append(.reject(rejection.status))
            }
        }
    }
    return events
}

func events(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [HTTPEvent] {
    events([Array(text.utf8)], limits: limits)
}
