import Testing

@testable import Transport

/// RFC 6455 §4.2: the opening handshake.
@Suite struct WebSocketOfferTests {
    static let good = [
        ("host", "chat.example.com"), ("upgrade", "websocket"), ("connection", "Upgrade"),
        ("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "mqtt"),
    ]

    static let offer = WebSocketOffer(
        path: "/mqtt", subprotocol: "mqtt",
        origins: [WebOrigin("https://chat.example.com")!, WebOrigin("http://localhost:5173")!],
        listeners: [3: "https", 4: "http"])

    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var status: Int
        /// Replace those of the same name; nil: it is left out.
        var changes: [(String, String?)]

        init(_ name: String, _ status: Int, _ changes: [(String, String?)]) {
            testDescription = name
            self.status = status
            self.changes = changes
        }

        var request: HTTPRequest {
            var headers = WebSocketOfferTests.good.filter { field in !changes.contains { $0.0 == field.0 } }
            headers += changes.compactMap { name, value in value.map { (name, $0) } }
            return HTTPRequest(method: "GET", path: "/mqtt", headers: headers)
        }
    }

    static let cases = [
        Case("as it should be", 101, []),
        Case("upgrade in capitals, one of several", 101, [("upgrade", "h2c, WebSocket")]),
        Case("connection as Firefox has it", 101, [("connection", "keep-alive, Upgrade")]),
        Case("several subprotocols", 101, [("sec-websocket-protocol", "mqttv3.1, mqtt")]),
        Case(
            "subprotocols in two fields", 101, [("sec-websocket-protocol", "chat"), ("sec-websocket-protocol", "mqtt")]),
        Case("compression is offered", 101, [("sec-websocket-extensions", "permessage-deflate")]),
        Case("own origin", 101, [("origin", "https://chat.example.com")]),
        Case("own origin, spelled otherwise", 101, [("origin", "HTTPS://Chat.Example.com:443")]),
        Case("allowed origin", 101, [("origin", "http://localhost:5173")]),
        Case("foreign origin", 403, [("origin", "https://evil.example")]),
        Case("foreign scheme", 403, [("origin", "http://chat.example.com")]),
        Case("foreign port", 403, [("origin", "https://chat.example.com:8443")]),
        Case("longer host", 403, [("origin", "https://chat.example.com.evil.example")]),
        Case("no origin that could be named", 403, [("origin", "null")]),
        Case("empty origin", 403, [("origin", "")]),
        Case("origin with a path", 403, [("origin", "https://chat.example.com/")]),
        Case("the address itself", 101, [("host", "127.0.0.1:8443"), ("origin", "https://127.0.0.1:8443")]),
        Case("localhost itself", 101, [("host", "localhost"), ("origin", "https://localhost")]),
        Case("the IPv6 address itself", 101, [("host", "[::1]:8443"), ("origin", "https://[::1]:8443")]),
        Case("another port of the address", 403, [("host", "127.0.0.1:8443"), ("origin", "https://127.0.0.1:8444")]),
        Case("another door of the address", 403, [("host", "127.0.0.1:8443"), ("origin", "http://127.0.0.1:8443")]),
        Case("another address", 403, [("host", "127.0.0.1"), ("origin", "https://127.0.0.2")]),
        Case("a name that points here", 403, [("host", "evil.example"), ("origin", "https://evil.example")]),
        Case("two origins", 403, [("origin", "https://chat.example.com"), ("origin", "https://evil.example")]),
        Case("no upgrade", 426, [("upgrade", nil)]),
        Case("another upgrade", 426, [("upgrade", "h2c")]),
        Case("no connection option", 426, [("connection", "keep-alive")]),
        Case("no version", 426, [("sec-websocket-version", nil)]),
        Case("an old version", 426, [("sec-websocket-version", "8")]),
        Case("two versions", 426, [("sec-websocket-version", "13"), ("sec-websocket-version", "8")]),
        Case("no key", 400, [("sec-websocket-key", nil)]),
        Case("a short key", 400, [("sec-websocket-key", "dGhlIHNhbXBsZQ==")]),
        Case("a long key", 400, [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZTEyMw==")]),
        Case("a key that is no base64", 400, [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ!==")]),
        Case(
            "two keys", 400,
            [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]),
        Case("no subprotocol", 400, [("sec-websocket-protocol", nil)]),
        Case("another subprotocol", 400, [("sec-websocket-protocol", "mqttv3.1")]),
        Case("subprotocol in capitals", 400, [("sec-websocket-protocol", "MQTT")]),
    ]

    private func answer(_ request: HTTPRequest) -> HTTPResponse {
        do throws(HTTPRejection) {
            return try Self.offer.answer(request, listener: 3)
        } catch {
            return error.response(requestID: "1")
        }
    }

    @Test(arguments: cases) func handshake(_ one: Case) {
        let answer = answer(one.request)
        #expect(answer.status == one.status)
        func header(_ name: String) -> String? { answer.headers.first { $0.name.lowercased() == name }?.value }
        #expect(header("sec-websocket-extensions") == nil)
        switch one.status {
        case 101:
            // The example of RFC 6455 §1.3.
            #expect(header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(header("sec-websocket-protocol") == "mqtt")
            #expect(header("upgrade") == "websocket")
            #expect(header("connection") == "Upgrade")
        case 426:
            #expect(header("sec-websocket-version") == "13")
            #expect(header("upgrade") == "websocket")
        default: #expect(header("sec-websocket-accept") == nil)
        }
    }

    @Test func body() {
        var request = Case("", 400, []).request
        request.body = [1]
        #expect(answer(request).status == 400)
    }

    @Test(
        arguments: [
            ("GET", "/mqtt", 3, true), ("GET", "/mqtt", 5, false), ("POST", "/mqtt", 3, false),
            ("GET", "/mqtt/", 3, false),
            ("GET", "/", 3, false),
        ] as [(String, String, UInt8, Bool)])
    func concern(method: String, path: String, listener: UInt8, expected: Bool) {
        #expect(Self.offer.concerns(HTTPRequest(method: method, path: path), listener: listener) == expected)
    }

    /// HTTP/1.0 has no upgrade.
    @Test func oldVersion() {
        let fields = Self.good.map { "\($0.0): \($0.1)\r\n" }.joined()
        for (version, isUpgrade) in [("1.1", true), ("1.0", false)] {
            var state = HTTPConnectionState()
            let (_, action) = state.received(Array("GET /mqtt HTTP/\(version)\r\n\(fields)\r\n".utf8).span)
            guard case .request(let request) = action else {
                Issue.record("no request")
                continue
            }
            #expect((answer(request).status == 101) == isUpgrade)
        }
    }

    @Test(arguments: [
        ("https://a.example", true), ("http://a.example:8080", true), ("capacitor://localhost", true),
        ("http://[::1]:3000", true), ("null", false), ("*", false), ("a.example", false), ("https://", false),
        ("https://a.example/", false), ("https://a.example/x", false), ("https://u@a.example", false),
        ("https://a.example:99999", false), ("https://a.example:x", false), ("://a.example", false),
    ])
    func origin(text: String, isOne: Bool) {
        #expect((WebOrigin(text) != nil) == isOne)
    }

    @Test func originOfURL() {
        #expect(WebOrigin(ofURL: "https://a.example/chat?x#y") == WebOrigin("https://a.example"))
        #expect(WebOrigin(ofURL: "https://a.example:8443") == WebOrigin("https://A.example:8443"))
        #expect(WebOrigin("http://a.example:443") != WebOrigin("https://a.example"))
    }
}
