import Testing
import Transport

@Suite struct HTTPResponseTests {
    private func written(_ response: HTTPResponse, keepAlive: Bool = true, head: Bool = false) -> String {
        var bytes: [UInt8] = []
        response.write(into: &bytes, keepAlive: keepAlive, head: head, dateMilliseconds: 784_111_777_000)
        return String(decoding: bytes, as: UTF8.self)
    }

    static let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

    @Test func answers() {
        let ok = HTTPResponse(status: 200, headers: [("etag", "\"1\"")], body: Array("hi".utf8))
        let fields = "HTTP/1.1 200 OK\r\n\(Self.date)etag: \"1\"\r\ncontent-length: 2\r\n"
        #expect(written(ok) == "\(fields)connection: keep-alive\r\n\r\nhi")
        #expect(written(ok, keepAlive: false) == "\(fields)connection: close\r\n\r\nhi")
        #expect(written(ok, head: true) == "\(fields)connection: keep-alive\r\n\r\n")
        let none = HTTPResponse(status: 204)
        #expect(written(none) == "HTTP/1.1 204 No Content\r\n\(Self.date)connection: keep-alive\r\n\r\n")
        let empty = HTTPResponse(status: 404)
        let expected = "HTTP/1.1 404 Not Found\r\n\(Self.date)content-length: 0\r\nconnection: close\r\n\r\n"
        #expect(written(empty, keepAlive: false) == expected)
        let upgrade = HTTPResponse(status: 101, headers: [("connection", "Upgrade")])
        #expect(written(upgrade) == "HTTP/1.1 101 Switching Protocols\r\n\(Self.date)connection: Upgrade\r\n\r\n")
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"), (951_868_800_000, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (1_735_689_599_000, "Tue, 31 Dec 2024 23:59:59 GMT"), (4_107_542_400_000, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799_999, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func dates(_ milliseconds: Int64, _ expected: String) {
        var bytes: [UInt8] = []
        appendHTTPDate(milliseconds: milliseconds, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test func splitFieldsTrap() async {
        await #expect(processExitsWith: .failure) {
            var bytes: [UInt8] = []
            let response = HTTPResponse(status: 200, headers: [("location", "/a\r\nset-cookie: b")])
            response.write(into: &bytes, keepAlive: true, head: false, dateMilliseconds: 0)
        }
        await #expect(processExitsWith: .failure) {
            var bytes: [UInt8] = []
            let response = HTTPResponse(status: 204, body: [1])
            response.write(into: &bytes, keepAlive: true, head: false, dateMilliseconds: 0)
        }
    }

    @Test(arguments: [
        ("", ""), ("/a%2Fb%20c+d", "/a/b c+d"), ("%c3%A9", "\u{E9}"), ("%", nil), ("%4", nil), ("%4g", nil),
        ("%+1", nil), ("%ff", nil), ("%c0%af", nil), ("%ed%a0%80", nil), ("a%00b", nil), ("%2541", "%41"),
    ])
    func percentDecoding(_ text: String, _ expected: String?) {
        #expect(percentDecoded(text) == expected)
    }

    @Test(arguments: [
        ("", ""), ("a=1&b=x+y%21%2B&c&=d&a=2=3", "a:1|b:x y!+|c:|:d|a:2=3"), ("&&a=1&", "a:1"), ("a=%zz", nil),
        ("%ff=1", nil),
    ])
    func queries(_ query: String, _ expected: String?) {
        #expect(queryItems(query)?.map { "\($0.name):\($0.value)" }.joined(separator: "|") == expected)
    }
}
