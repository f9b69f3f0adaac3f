/// A request's line and header fields while they arrive, and what they say about the body and the connection.
struct HTTPRequestHead: Sendable {
    enum Framing: Equatable {
        case none
        case length(Int)
        case chunked
    }

    private var method = ""
    private var target = HTTPTarget()
    /// HTTP/1.0 or HTTP/1.1; a higher minor version is treated as 1.1 (RFC 9110 §2.5).
    private var isVersion10 = false
    private var headers: [(name: String, value: String)] = []

    init() {}

    /// RFC 9112 §3: exactly one space between method, target and version.
    mutating func parseRequestLine(_ line: [UInt8]) throws(HTTPRejection) {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(isToken) else {
            throw .badRequest("The request line is malformed.")
        }
        try parseVersion(Array(parts[2]))
        method = String(decoding: parts[0], as: UTF8.self)
        target = try HTTPTarget(parsing: Array(parts[1]), method: method)
    }

    private mutating func parseVersion(_ version: [UInt8]) throws(HTTPRejection) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard version.count == 8, version.starts(with: "HTTP/".utf8), digits ~= version[5],
            version[6] == UInt8(ascii: "."), digits ~= version[7]
        else { throw .badRequest("The request line has no version.") }
        guard version[5] == UInt8(ascii: "1") else { throw .versionNotSupported }
        isVersion10 = version[7] == UInt8(ascii: "0")
    }

    mutating func append(_ field: HTTPField) {
        headers.append((field.name, field.value))
    }

    /// How the body's end is found (RFC 9112 §6.3), once all fields are there; refuses whatever two servers could read
    /// differently.
    mutating func framing(bodyBytesMax: Int) throws(HTTPRejection) -> Framing {
        try checkHost()
        let expectations = values("expect")
        if !isVersion10, expectations.contains(where: { $0.lowercased() != "100-continue" }) {
            throw .expectationFailed
        }
        let lengths = values("content-length")
        let codings = values("transfer-encoding")
        guard codings.isEmpty else {
            guard lengths.isEmpty else { throw .badRequest("Content-Length stands beside Transfer-Encoding.") }
            if isVersion10 { throw .badRequest("HTTP/1.0 has no Transfer-Encoding.") }
            return try transferCoding(codings)
        }
        guard let first = lengths.first else { return .none }
        guard lengths.count == 1 else { throw .badRequest("There are several Content-Lengths.") }
        let length = try contentLength(first)
        if length > bodyBytesMax { throw .bodyTooLarge }
        return .length(length)
    }

    var expectsContinue: Bool { !isVersion10 && !values("expect").isEmpty }

    /// RFC 9112 §9.3.
    var keepAlive: Bool {
        let values = values("connection")
        if values.isEmpty { return !isVersion10 }
        let options = values.flatMap(HTTPField.elements)
        if options.contains("close") { return false }
        return !isVersion10 || options.contains("keep-alive")
    }

    func matches(_ rule: StreamedBody) -> Bool { method == rule.method && target.path == rule.path }

    func request(body: [UInt8]) -> HTTPRequest {
        // HTTP/1.0 has no upgrade (RFC 9110 §7.8).
        let headers = isVersion10 ? headers.filter { $0.name != "upgrade" } : headers
        return HTTPRequest(method: method, path: target.path, query: target.query, headers: headers, body: body)
    }

    private func values(_ name: String) -> [String] {
        guard let first = headers.firstIndex(where: { $0.name == name }) else { return [] }
        return headers[first...].filter { $0.name == name }.map(\.value)
    }

    /// RFC 9112 §3.2: one Host; a target in absolute form overrides it.
    private mutating func checkHost() throws(HTTPRejection) {
        let hosts = values("host")
        guard hosts.count == 1 || hosts.isEmpty && isVersion10 else {
            throw .badRequest("There must be exactly one Host.")
        }
        guard hosts.allSatisfy({ HTTPTarget.isAuthority(Array($0.utf8)) }) else {
            throw .badRequest("The Host is malformed.")
        }
        guard let authority = target.authority else { return }
        headers.removeAll { $0.name == "host" }
        headers.append(("host", authority))
    }

    /// The last coding must be `chunked`, or the end can't be found: 400; another one before it is one we don't have:
    /// 501.
    private func transferCoding(_ values: [String]) throws(HTTPRejection) -> Framing {
        let codings = values.flatMap(HTTPField.elements)
        guard codings.last == "chunked", !codings.dropLast().contains("chunked") else {
            throw .badRequest("The last transfer coding must be chunked.")
        }
        if codings.count > 1 { throw .codingNotImplemented }
        guard values.count == 1, values[0].lowercased() == "chunked" else {
            throw .badRequest("The Transfer-Encoding is malformed.")
        }
        return .chunked
    }

    /// Digits only; lengths that no `Int` holds become its maximum, which is too large for any limit.
    private func contentLength(_ value: String) throws(HTTPRejection) -> Int {
        guard !value.isEmpty, value.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            throw .badRequest("The Content-Length is malformed.")
        }
        return Int(value) ?? Int.max
    }
}
