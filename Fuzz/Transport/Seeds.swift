import Transport

enum Seeds {
    static let words = [
        "\r\n", "\r\n\r\n", "GET ", "POST ", "OPTIONS * ", "HTTP/1.1\r\n", "HTTP/1.0\r\n", "Host: x\r\n", "http://",
        "%2F",
        "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Connection: close\r\n",
        "Connection: keep-alive\r\n", "5\r\nhello\r\n", "0\r\n\r\n", ";ext=1", "PROXY TCP4 ", "PROXY TCP6 ", "UNKNOWN",
        "\r\n\r\n\u{0}\r\nQUIT\n\u{21}\u{11}\u{0}\u{0C}", "https://", "[::1]", ":443",
    ]

    /// Two bytes for the choice and the size of pieces, then the bytes.
    static func all() -> [[UInt8]] {
        (http.map { seed(0, $0) } + http.map { seed(2, $0) } + webSocket.map { [3 | 5 << 3, 0] + $0 }
            + webSocket.map { [4, 0] + $0 } + texts.map { seed(5, $0) } + proxy.map { seed(6, $0) }
            + [[6, 0] + binary(0x11, 12), [6, 0] + binary(0x21, 36), [6, 0] + binary(0x31, 216)])
    }

    private static func seed(_ selector: UInt8, _ text: String) -> [UInt8] { [selector, 0] + Array(text.utf8) }

    private static let http = [
        "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /v1/x HTTP/1.1\r\nHost: x:80\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "POST /m HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloPOST /m HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "\r\nPUT http://x/y HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        "GET https://x?q HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    ]

    private static let webSocket = [
        clientFrames([(.binary, [1, 2, 3]), (.ping, [4]), (.pong, []), (.text, Array("hi".utf8)), (.close, [3, 232])]),
        clientFrames([(.binary, [UInt8](repeating: 9, count: 130)), (.close, [])]),
        // In two pieces, with a ping between them.
        [0x02, 0x81, 0, 0, 0, 0, 1, 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x81, 0, 0, 0, 0, 2],
        [0x88, 0x87, 0, 0, 0, 0, 3, 232, 0xC3, 0xA4, 0x62, 0x79, 0x65],
    ]

    private static let texts = [
        "/a%20b/%C3%A4+", "a=1&b=x+y%21&c", "https://chat.example.com:8443", "http://[2001:db8::1]:80",
        "app+x://localhost/p",
    ]

    private static let proxy = [
        "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nrest", "PROXY TCP6 2001:db8::5 ::ffff:1.2.3.4 0 65535\r\n",
        "PROXY UNKNOWN ffff::1 what ever\r\n",
    ]

    private static func binary(_ family: UInt8, _ count: Int) -> [UInt8] {
        [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, family, 0, UInt8(count)]
            + (0..<count).map { UInt8($0) } + [1, 2, 3]
    }
}
