import Testing
import Transport

/// Requests that two servers could read differently, or that are too large: answered once, then closed.
@Suite struct HTTPRejectionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var status: Int
        var testDescription: String { name }

        init(_ name: String, _ text: String, _ status: Int = 400) {
            self.name = name
            self.text = text
            self.status = status
        }

        /// A request with these header lines instead of none, then `rest`.
        init(_ name: String, fields: String, _ rest: String = "", _ status: Int = 400) {
            self.init(name, "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(rest)", status)
        }

        init(_ name: String, chunks: String, _ status: Int = 400) {
            self.init(name, fields: "Transfer-Encoding: chunked", chunks, status)
        }
    }

    static let lines = [
        Case("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        Case("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        Case("bare LF as end of the head", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        Case("bare CR", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
        Case("two CR", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        Case("two empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("HTTP/0.9", "GET /\r\n\r\n"),
        Case("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("trailing space", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        Case("method is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("lower case version", "GET / http/1.1\r\nHost: a\r\n\r\n"),
        Case("long version", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        Case("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Case("TLS on the plain port", "\u{16}\u{3}\u{1}\u{0}\u{5}hello\r\n"),
        Case("NUL in the target", "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("raw UTF-8 in the target", "GET /\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("fragment in the target", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("* for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("authority form", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("user information", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("absolute form without host", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]

    static let fields = [
        Case("no Host", "GET / HTTP/1.1\r\n\r\n"),
        Case("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        Case("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        Case("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        Case("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        Case("Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        Case("Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        Case("Host with a bad port", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n"),
        Case("Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        Case("folded field", fields: "X: a\r\n b"),
        Case("folded Transfer-Encoding", fields: "Transfer-Encoding:\r\n chunked"),
        Case("space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        Case("space before the colon", fields: "Content-Length : 5", "hello"),
        Case("tab before the colon", fields: "Content-Length\t: 5", "hello"),
        Case("no colon", fields: "Content-Length"),
        Case("empty name", fields: ": a"),
        Case("NUL in a name", fields: "X\u{0}Y: a"),
        Case("NUL in a value", fields: "X: a\u{0}b"),
        Case("DEL in a value", fields: "X: a\u{7F}b"),
        Case("escape in a value", fields: "X: \u{1B}[2J"),
        Case("raw UTF-8 in a name", fields: "X\u{E9}: a"),
        Case("unknown expectation", fields: "Expect: 200-maybe", "", 417),
    ]

    static let framing = [
        Case("length beside coding", fields: "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        Case("coding beside length", fields: "Transfer-Encoding: chunked\r\nContent-Length: 0", "0\r\n\r\n"),
        Case("differing lengths", fields: "Content-Length: 5\r\nContent-Length: 6", "hello!"),
        Case("the same length twice", fields: "Content-Length: 5\r\nContent-Length: 5", "hello"),
        Case("list of lengths", fields: "Content-Length: 5, 5", "hello"),
        Case("positive length", fields: "Content-Length: +5", "hello"),
        Case("negative length", fields: "Content-Length: -5", "hello"),
        Case("hexadecimal length", fields: "Content-Length: 0x5", "hello"),
        Case("fractional length", fields: "Content-Length: 5.0", "hello"),
        Case("inner space in the length", fields: "Content-Length: 1 0", "hello"),
        Case("empty length", fields: "Content-Length:", "hello"),
        Case("full-width digit", fields: "Content-Length: \u{FF15}", "hello"),
        Case("overflowing length", fields: "Content-Length: 18446744073709551621", "hello", 413),
        Case("length above the limit", fields: "Content-Length: 1048577", "", 413),
        Case("expecting above the limit", fields: "Expect: 100-continue\r\nContent-Length: 1048577", "", 413),
        Case("coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Case("identity", fields: "Transfer-Encoding: identity"),
        Case("chunked twice", fields: "Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
        Case("chunked in two fields", fields: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        Case("chunked not last", fields: "Transfer-Encoding: chunked, gzip", "0\r\n\r\n"),
        Case(
            "chunked, then identity", fields: "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
        Case("vertical tab before chunked", fields: "Transfer-Encoding: \u{B}chunked", "0\r\n\r\n"),
        Case("xchunked", fields: "Transfer-Encoding: xchunked", "0\r\n\r\n"),
        Case("chunked with a parameter", fields: "Transfer-Encoding: chunked;q=1", "0\r\n\r\n"),
        Case("quoted chunked", fields: "Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
        Case("chunked with an empty element", fields: "Transfer-Encoding: chunked,", "0\r\n\r\n"),
        Case("empty coding", fields: "Transfer-Encoding:", "0\r\n\r\n"),
        Case("gzip, then chunked", fields: "Transfer-Encoding: gzip, chunked", "0\r\n\r\n", 501),
        Case("gzip and chunked", fields: "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n", 501),
    ]

    static let chunks = [
        Case("empty size", chunks: "\r\nhello\r\n0\r\n\r\n"), Case("no hexadecimal size", chunks: "x\r\n"),
        Case("0x size", chunks: "0x5\r\nhello\r\n0\r\n\r\n"), Case("negative size", chunks: "-1\r\n"),
        Case("positive size", chunks: "+5\r\nhello\r\n"), Case("space before the size", chunks: " 5\r\nhello\r\n"),
        Case("space after the size", chunks: "5 \r\nhello\r\n"), Case("bare LF after the size", chunks: "5\nhello\r\n"),
        Case("bare LF after the data", chunks: "5\r\nhello\n0\r\n\r\n"),
        Case("too much data", chunks: "5\r\nhello!\r\n0\r\n\r\n"),
        Case("too little data", chunks: "5\r\nhell\r\n0\r\n\r\n"),
        Case("bare CR after the data", chunks: "5\r\nhello\r0\r\n\r\n"),
        Case("bare LF in an extension", chunks: "5;a\nb\r\nhello\r\n"),
        Case("NUL in an extension", chunks: "5;\u{0}\r\nhello\r\n"),
        Case("junk after the size", chunks: "5,5\r\nhello\r\n"),
        Case("17 digits", chunks: "00000000000000005\r\nhello\r\n"),
        Case("overflowing size", chunks: "FFFFFFFFFFFFFFFF\r\n", 413),
        Case("above the limit", chunks: "100001\r\n", 413),
        Case("bad trailer", chunks: "0\r\nno colon\r\n\r\n"), Case("folded trailer", chunks: "0\r\nA: b\r\n c\r\n\r\n"),
        Case("bare LF after trailers", chunks: "0\r\n\n"),
        Case("long extension", chunks: "5;\(String(repeating: "a", count: 300))\r\n"),
        Case("long trailer", chunks: "0\r\nA: \(String(repeating: "a", count: 33_000))", 431),
    ]

    @Test(arguments: lines + fields + framing + chunks)
    func isRefused(_ testCase: Case) {
        // What stands behind the refused request must never be seen as one.
        let text = testCase.text + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(events(text) == [.reject(testCase.status)])
        #expect(events(text.utf8.map { [$0] }) == [.reject(testCase.status)])
    }

    /// At each limit the request passes; one more byte or field, and it does not.
    @Test(arguments: [
        (0, HTTPEvent.request("GET /aaaa? [host=a;x=123456;y=] ", keepAlive: true)), (1, .reject(414)),
        (2, .reject(431)),
        (3, .reject(431)),
    ])
    func limits(_ exceeded: Int, _ expected: HTTPEvent) {
        var limits = HTTPLimits()
        limits.requestLineBytesMax = exceeded == 1 ? 17 : 18
        limits.headerBytesMax = exceeded == 2 ? 16 : 17
        limits.headerFieldsMax = exceeded == 3 ? 2 : 3
        #expect(events("GET /aaaa HTTP/1.1\r\nHost: a\r\nX:123456\r\nY:\r\n\r\n", limits: limits) == [expected])
    }

    @Test func bodyLimits() {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 4
        let head = "POST / HTTP/1.1\r\nHost: a\r\n"
        let length = "POST /? [host=a;content-length=4] abcd"
        #expect(events("\(head)Content-Length: 4\r\n\r\nabcd", limits: limits) == [.request(length, keepAlive: true)])
        #expect(events("\(head)Content-Length: 5\r\n\r\n", limits: limits) == [.reject(413)])
        let chunked = "\(head)Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
        let expected = "POST /? [host=a;transfer-encoding=chunked] abcd"
        #expect(events("\(chunked)2\r\ncd\r\n0\r\n\r\n", limits: limits) == [.request(expected, keepAlive: true)])
        #expect(events("\(chunked)3\r\n", limits: limits) == [.reject(413)])
    }

    @Test func anEndlessLineIsRefusedEarly() {
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
        var state = HTTPConnectionState()
        guard case .reject(let rejection) = state.received(bytes.span).action else {
            Issue.record("accepted")
            return
        }
        let response = rejection.response(requestID: "r1")
        #expect(response.status == 414)
        #expect(response.header("Content-Type") == "application/problem+json")
        let title = #"{"type":"/problems/target-too-long","title":"URI Too Long","status":414,"#
        #expect(String(decoding: response.body, as: UTF8.self).hasPrefix(title))
    }
}

extension HTTPResponse {
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
