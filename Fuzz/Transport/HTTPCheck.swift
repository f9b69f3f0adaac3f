import FuzzSupport
import Transport

/// What a connection did with the bytes that it got.
enum HTTPEvent: Equatable {
    case proceed
    case request(HTTPSummary, keepAlive: Bool)
    case reject(Int)
}

struct HTTPSummary: Equatable {
    var method: String
    var path: String
    var query: String
    var headers: [String]
    var body: [UInt8]

    init(_ request: HTTPRequest) {
        method = request.method
        path = request.path
        query = request.query
        headers = request.headers.map { "\($0.name): \($0.value)" }
        body = request.body
    }
}

func checkHTTP(_ stream: [UInt8], _ pieces: [[UInt8]], hasSmallLimits: Bool) {
    var limits = HTTPLimits()
    // What is collected and what is streamed must be the same requests.
    limits.streamed = [StreamedBody(method: "POST", path: "/m", bodyBytesMax: 64)]
    if hasSmallLimits {
        limits.requestLineBytesMax = 24
        limits.headerBytesMax = 48
        limits.headerFieldsMax = 3
        limits.bodyBytesMax = 10
        limits.chunkLineBytesMax = 6
    }
    let whole = events([stream], limits)
    expectEqual(events(pieces, limits), whole, "the same bytes in other pieces")
    for event in whole {
        guard case .request(let request, _) = event else { continue }
        checkRequest(request, limits)
    }
}

/// A request that was read is read again as the same from how we would write it.
private func checkRequest(_ request: HTTPSummary, _ limits: HTTPLimits) {
    expect(request.path.first == "/" || request.path == "*" && request.method == "OPTIONS", "the path")
    let rule = limits.streamed.first { $0.method == request.method && $0.path == request.path }
    expect(request.body.count <= rule?.bodyBytesMax ?? limits.bodyBytesMax, "the body is too long")
    expect(request.headers.count <= limits.headerFieldsMax, "the fields are too many")
    let target = request.query.isEmpty ? request.path : "\(request.path)?\(request.query)"
    let isChunked = request.headers.contains { $0.hasPrefix("transfer-encoding:") }
    var head = "\(request.method) \(target) HTTP/1.1\r\nhost: x\r\n"
    if !request.body.isEmpty { head += "content-length: \(request.body.count)\r\n" }
    let again = events([Array("\(head)\r\n".utf8) + request.body], HTTPLimits())
    guard again.count == 1, case .request(let copy, true) = again[0] else {
        fatalError("a request is not read again: \(head) became \(again)")
    }
    expect(copy.method == request.method && copy.path == request.path && copy.query == request.query, "the target")
    expect(copy.body == request.body, "the body")
    expect(!(isChunked && request.headers.contains { $0.hasPrefix("content-length:") }), "two lengths")
}

/// Feeds the pieces one after another, as the endpoint does, and answers requests at once.
private func events(_ pieces: [[UInt8]], _ limits: HTTPLimits) -> [HTTPEvent] {
    var state = HTTPConnectionState(limits: limits)
    var events: [HTTPEvent] = []
    // The request whose body is streamed, with what has come of it.
    var streamed: HTTPSummary?
    for piece in pieces {
        var rest = piece[...]
        while !rest.isEmpty {
            let (consumed, action) = state.received(Array(rest).span)
            expect(consumed <= rest.count, "more was taken than was there")
            rest = rest.dropFirst(consumed)
            switch action {
            case .needMore:
                expect(rest.isEmpty, "more is wanted than what was left")
                if streamed != nil { streamed!.body += state.takeBody() }
            case .sendContinue: events.append(.proceed)
            case .request(let request):
                expectEqual(state.phase, .response, "the phase")
                let keepAlive = state.keepAlive
                expectEqual(state.responded(), keepAlive, "whether the connection stays")
                events.append(.request(HTTPSummary(request), keepAlive: keepAlive))
            case .stream(let request):
                expectEqual(state.phase, .body, "the phase")
                expect(!state.keepAlive, "an early answer ends the connection")
                streamed = HTTPSummary(request)
            case .streamEnd:
                expectEqual(state.phase, .response, "the phase")
                guard var request = streamed.take() else { fatalError("a stream ends that never began") }
                request.body += state.takeBody()
                let keepAlive = state.keepAlive
                expectEqual(state.responded(), keepAlive, "whether the connection stays")
                events.append(.request(request, keepAlive: keepAlive))
            case .reject(let rejection):
                expectEqual(state.phase, .closed, "the phase")
                checkAnswer(rejection)
                events.append(.reject(rejection.status))
            }
        }
    }
    return events
}

private func checkAnswer(_ rejection: HTTPRejection) {
    let response = rejection.response(requestID: "x")
    expect(response.status == rejection.status && !response.body.isEmpty, "the answer to a bad request")
}
