import Memory

extension HTTPResponse {
    /// Appends the answer as it goes onto the wire (RFC 9112 §4), with Date, Content-Length and Connection; what a `source` gives is to follow.
    /// - Parameters:
    ///   - keepAlive: what `HTTPConnectionState.keepAlive` said, or false to end the connection.
    ///   - head: the request was HEAD: the fields are the same, the body is left out.
    ///   - dateMilliseconds: the wall clock, since 1970.
    package func write(into bytes: inout [UInt8], keepAlive: Bool, head: Bool, dateMilliseconds: Int64) {
        writeHead(into: &bytes, keepAlive: keepAlive, dateMilliseconds: dateMilliseconds)
        if !head { bytes.append(contentsOf: body) }
    }

    /// All but the body.
    func writeHead(into bytes: inout [UInt8], keepAlive: Bool, dateMilliseconds: Int64) {
        precondition(100...599 ~= status, "no status of HTTP")
        let hasNoContent = status < 200 || status == 204 || status == 304
        precondition(!hasNoContent || body.isEmpty && source == nil, "a \(status) has no body")
        precondition(source == nil || body.isEmpty, "the body comes from one place")
        bytes.append(ascii: "HTTP/1.1 ")
        bytes.append(decimal: Int64(status))
        bytes.append(ascii: " ")
        append(Self.reason(status), to: &bytes)
        bytes.append(ascii: "\r\ndate: ")
        appendHTTPDate(milliseconds: dateMilliseconds, to: &bytes)
        bytes.append(ascii: "\r\n")
        for (name, value) in headers {
            precondition(!name.isEmpty && name.utf8.allSatisfy(isToken), "no name of a header field: \(name)")
            precondition(isFieldValue(value.utf8.span), "\(name) holds a control character")
            append(name, to: &bytes)
            bytes.append(ascii: ": ")
            append(value, to: &bytes)
            bytes.append(ascii: "\r\n")
        }
        // RFC 9110 §8.6: none with 1xx and 204; a 304's would be the length of what it does not send.
        if !hasNoContent {
            bytes.append(ascii: "content-length: ")
            bytes.append(decimal: Int64(source?.length ?? body.count))
            bytes.append(ascii: "\r\n")
        }
        // A 101 says by itself what the connection becomes.
        if status != 101 { bytes.append(ascii: keepAlive ? "connection: keep-alive\r\n" : "connection: close\r\n") }
        bytes.append(ascii: "\r\n")
    }

    private func append(_ text: String, to bytes: inout [UInt8]) { bytes.append(span: text.utf8.span) }

    /// The phrases of RFC 9110 §15 and RFC 6585 for what the hub answers.
    static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
