/// Why an opening handshake is refused (RFC 6455 §4.2.2). The connection ends after the answer.
enum WebSocketRefusal: Error {
    case noUpgrade
    case unknownVersion
    case malformed(StaticString)
    case foreignOrigin

    private var problem: (status: Int, name: StaticString, detail: StaticString) {
        switch self {
        case .noUpgrade: (426, "upgrade-required", "Only WebSocket is spoken here.")
        case .unknownVersion: (426, "upgrade-required", "The version of WebSocket is 13.")
        case .malformed(let detail): (400, "bad-request", detail)
        case .foreignOrigin: (403, "forbidden", "Web pages of this origin may not connect (--origin).")
        }
    }

    var response: HTTPResponse {
        let (status, name, detail) = problem
        let body = """
            {"type":"/problems/\(name)","title":"\(HTTPResponse.reason(status))","status":\(status),"detail":"\(detail)"}
            """
        var headers = [("content-type", "application/problem+json"), ("cache-control", "no-store")]
        // RFC 9110 §15.5.22 wants to know what to upgrade to; RFC 6455 §4.4 which versions there are.
        if status == 426 {
            headers += [("upgrade", "websocket"), ("sec-websocket-version", "13")]
        }
        return HTTPResponse(status: status, headers: headers, body: Array(body.utf8))
    }
}
