/// Why the parser refuses a request; the connection ends after the answer, since what follows can't be told apart any
/// more.
package enum HTTPRejection: Error, Equatable {
    case badRequest(StaticString)
    case bodyTooLarge
    case targetTooLong
    case originNotAllowed
    case upgradeRequired(StaticString)
    case expectationFailed
    case headersTooLarge
    case codingNotImplemented
    case versionNotSupported

    package var status: Int {
        switch self {
        case .badRequest: 400
        case .originNotAllowed: 403
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .expectationFailed: 417
        case .upgradeRequired: 426
        case .headersTooLarge: 431
        case .codingNotImplemented: 501
        case .versionNotSupported: 505
        }
    }

    /// The problem's name under `/problems/`, and what went wrong, for people.
    private var problem: (name: StaticString, detail: StaticString) {
        switch self {
        case .badRequest(let detail): ("bad-request", detail)
        case .bodyTooLarge: ("too-large", "The body is too large.")
        case .targetTooLong: ("target-too-long", "The request line is too long.")
        case .expectationFailed: ("expectation-failed", "The only expectation that can be met is 100-continue.")
        case .headersTooLarge: ("headers-too-large", "The header fields are too many or too large.")
        case .originNotAllowed: ("origin-not-allowed", "Web pages of this origin may not connect (--origin).")
        case .upgradeRequired(let detail): ("upgrade-required", detail)
        case .codingNotImplemented: ("coding-not-implemented", "The only transfer coding is chunked.")
        case .versionNotSupported: ("version-not-supported", "The versions are HTTP/1.0 and HTTP/1.1.")
        }
    }

    /// The answer as RFC 9457 problem; all its texts are ours and need no escaping.
    package func response(requestID: String) -> HTTPResponse {
        let body = """
            {"type":"/problems/\(problem.name)","title":"\(HTTPResponse.reason(status))","status":\(status),\
            "detail":"\(problem.detail)","request_id":"\(requestID)"}
            """
        var headers = [
            ("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"), ("X-Request-Id", requestID),
            ("X-Content-Type-Options", "nosniff"),
        ]
        // RFC 9110 §15.5.22 wants to know what to upgrade to; RFC 6455 §4.4 which versions there are.
        if status == 426 { headers += [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")] }
        return HTTPResponse(status: status, headers: headers, body: Array(body.utf8))
    }

    package static func == (left: HTTPRejection, right: HTTPRejection) -> Bool { left.status == right.status }
}
