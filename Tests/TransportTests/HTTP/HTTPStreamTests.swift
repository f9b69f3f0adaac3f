import Testing

@testable import Transport

/// Requests whose bodies are streamed, as the parser hands them over, however their bytes are split.
@Suite struct HTTPStreamTests {
    static let limits = {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 4
        limits.streamed = [StreamedBody(method: "POST", path: "/up", bodyBytesMax: 12)]
        return limits
    }()

    struct Case: Sendable {
        var text: String
        var expected: [HTTPEvent]

        init(_ text: String, _ expected: HTTPEvent...) {
            self.text = text
            self.expected = expected
        }
    }

    static let cases = [
        Case(
            "POST /up?name=x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello world!",
            .stream("POST /up?name=x [host=a;content-length=12] "), .body("hello world!"), .streamEnd(keepAlive: true)),
        Case(
            "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n6;x\r\nworld!\r\n0\r\nT: y\r\n\r\n",
            .stream("POST /up? [host=a;transfer-encoding=chunked] "), .body("hello world!"),
            .streamEnd(keepAlive: true)),
        // Whoever reads it says when the client may begin.
        Case(
            "POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
            .stream("POST /up? [host=a;expect=100-continue;content-length=2] "), .body("hi"),
            .streamEnd(keepAlive: true)),
        Case(
            "POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
            .stream("POST /up? [host=a;connection=close;content-length=2] "), .body("hi"), .streamEnd(keepAlive: false)),
        // Without a body there is nothing to be streamed.
        Case(
            "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            .request("POST /up? [host=a;content-length=0] ", keepAlive: true)),
        // Others are collected, before and after.
        Case(
            "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                + "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nstream"
                + "POST /up/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nend",
            .request("PUT /up? [host=a;content-length=2] hi", keepAlive: true),
            .stream("POST /up? [host=a;content-length=6] "), .body("stream"), .streamEnd(keepAlive: true),
            .request("POST /up/? [host=a;content-length=3] end", keepAlive: true)),
        // Each has its own limit.
        Case("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n", .reject(413)),
        Case("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", .reject(413)),
        Case(
            "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n5\r\n",
            .stream("POST /up? [host=a;transfer-encoding=chunked] "), .body("12345678"), .reject(413)),
        Case(
            "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi?\r\n",
            .stream("POST /up? [host=a;transfer-encoding=chunked] "), .body("hi"), .reject(400)),
    ]

    @Test(arguments: cases) func isHandedOverInPieces(_ one: Case) {
        let bytes = Array(one.text.utf8)
        for size in [1, 2, 3, 7, bytes.count] {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            let found = events(pieces, limits: Self.limits)
            if case .reject? = one.expected.last, size > 1 {
                // What arrived together with what is refused is refused with it.
                #expect(found.first == one.expected.first && found.last == one.expected.last, "in pieces of \(size)")
            } else {
                #expect(found == one.expected, "in pieces of \(size)")
            }
        }
    }

    @Test func nothingIsKeptOfWhatWasTaken() {
        var state = HTTPConnectionState(limits: Self.limits)
        var actions = 0
        _ = state.received(Array("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".utf8).span)
        for piece in ["abc", "def", "ghi"] {
            if case .streamEnd = state.received(Array(piece.utf8).span).action { actions += 1 }
            #expect(state.takeBody() == Array(piece.utf8))
            #expect(state.takeBody() == [])
        }
        #expect(actions == 1 && state.phase == .response)
    }
}
