import Testing
import Transport

/// Requests that are understood, however their bytes are split.
@Suite struct HTTPRequestTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var expected: [String]
        var keepAlive: Bool
        var proceeds: Bool
        var testDescription: String { String(text.prefix(60)) }

        init(_ text: String, _ expected: String..., keepAlive: Bool = true, proceeds: Bool = false) {
            self.text = text
            self.expected = expected
            self.keepAlive = keepAlive
            self.proceeds = proceeds
        }

        var events: [HTTPEvent] {
            (proceeds ? [.proceed] : []) + expected.map { .request($0, keepAlive: keepAlive) }
        }
    }

    static let cases = [
        Case("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /? [host=a] "),
        Case("\r\nGET /a%20b/c?x=1?&y HTTP/1.1\r\nHost: a:80\r\n\r\n", "GET /a%20b/c?x=1?&y [host=a:80] "),
        Case(
            "HEAD /x? HTTP/1.1\r\nhOsT:\t a.example \t\r\nX-Empty:\r\nAccept: a, b\r\nAccept: c\r\n\r\n",
            "HEAD /x? [host=a.example;x-empty=;accept=a, b;accept=c] "),
        Case(
            "POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "POST /m? [host=a;content-length=5] hello"),
        Case("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "PUT /? [host=a;content-length=0] "),
        Case(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "3\r\nhel\r\n002;name=\"v;\"\r\nlo\r\nA ;x\r\n0123\r\n6789\r\n0\r\nX-Trailer: y\r\n\r\n",
            "POST /? [host=a;transfer-encoding=Chunked] hello0123\r\n6789"),
        Case(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /? [host=a;transfer-encoding=chunked] "),
        Case(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi",
            "POST /? [host=a;expect=100-Continue;content-length=2] hi", proceeds: true),
        Case(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
            "POST /? [host=a;expect=100-continue;content-length=0] "),
        Case(
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
            "POST /? [expect=100-continue;content-length=2] hi", keepAlive: false),
        Case(
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx\r\n"
                + "GET /3 HTTP/1.1\r\nHost: c\r\n\r\n",
            "GET /1? [host=a] ", "POST /2? [host=b;content-length=1] x", "GET /3? [host=c] "),
        Case("GET / HTTP/1.0\r\n\r\n", "GET /? [] ", keepAlive: false),
        Case("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET /? [connection=Keep-Alive] "),
        Case(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /? [host=a;connection=x, CLOSE] ", keepAlive: false),
        Case("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET /? [host=a] "),
        Case("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS *? [host=a] "),
        Case("GET http://b:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y [host=b:8080] "),
        Case("GET HTTPS://b?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?y [host=b] "),
        Case("GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", "GET /? [host=[::1]:8443] "),
        Case("GET / HTTP/1.1\r\nHost: a\r\nX: caf\u{E9}\r\n\r\n", "GET /? [host=a;x=caf\u{E9}] "),
    ]

    @Test(arguments: cases)
    func readsAtOnce(_ testCase: Case) {
        #expect(events(testCase.text) == testCase.events)
    }

    @Test(arguments: cases)
    func splitsMakeNoDifference(_ testCase: Case) {
        let bytes = Array(testCase.text.utf8)
        for split in 0...bytes.count {
            #expect(events([Array(bytes[..<split]), Array(bytes[split...])]) == testCase.events)
        }
        #expect(events(bytes.map { [$0] }) == testCase.events)
    }

    @Test func pipelinedBytesStayWithTheCaller() {
        var state = HTTPConnectionState()
        let first = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        let bytes = Array((first + "GET /2 HTTP/1.1\r\n").utf8)
        let (consumed, action) = state.received(bytes.span)
        guard case .request = action else {
            Issue.record("no request")
            return
        }
        #expect(consumed == first.utf8.count)
        let (whileWaiting, waiting) = state.received(Array(bytes[consumed...]).span)
        guard case .needMore = waiting else {
            Issue.record("acted before the answer")
            return
        }
        #expect(whileWaiting == 0)
        let stays = state.responded()
        #expect(stays)
        let (next, _) = state.received(Array(bytes[consumed...]).span)
        #expect(next == bytes.count - consumed)
    }

    @Test func phases() {
        var state = HTTPConnectionState()
        var phases = [state.phase]
        for piece in ["GE", "T / HTTP/1.1\r\nHost: a\r\n", "Content-Length: 2\r\n\r\n", "a", "b"] {
            _ = state.received(Array(piece.utf8).span)
            phases.append(state.phase)
        }
        #expect(phases == [.idle, .headers, .headers, .body, .body, .response])
        let stays = state.responded()
        #expect(stays && state.phase == .idle)
        _ = state.received(Array("\n".utf8).span)
        #expect(state.phase == .closed)
        let (ignored, _) = state.received(Array("GET".utf8).span)
        #expect(ignored == 3)
    }

    @Test func answeringTwiceTraps() async {
        await #expect(processExitsWith: .failure) {
            var state = HTTPConnectionState()
            _ = state.responded()
        }
    }
}
