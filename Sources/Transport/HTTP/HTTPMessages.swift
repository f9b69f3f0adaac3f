/// A complete request, as the parser hands it over (RFC 9112, 9110).
package struct HTTPRequest: Sendable {
    /// As sent: `GET`, `POST`, …
    package var method: String
    /// The path of the target, still percent-encoded, beginning with `/`; `*` for `OPTIONS *`.
    package var path: String
    /// What follows `?`, without it; empty if there is none.
    package var query: String
    /// In order of arrival, names in lower case, values trimmed.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// The body of a request that `HTTPLimits.streamed` names, unless it is empty; then there is nothing in `body`.
    package var stream: HTTPRequestStream?
    /// The client's address, without port: `127.0.0.1`, `2001:db8::1`.
    package var peerAddress: String = ""

    package init(
        method: String, path: String, query: String = "", headers: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The first header of that name (lower case).
    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// An answer; Content-Length, Date and Connection are added when it is written.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Gives the body piece by piece, instead of `body`.
    package var source: (any HTTPBodySource)?

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// An answer whose body is made while it is sent.
    package init(status: Int, headers: [(name: String, value: String)], source: any HTTPBodySource) {
        self.init(status: status, headers: headers)
        self.source = source
    }
}
