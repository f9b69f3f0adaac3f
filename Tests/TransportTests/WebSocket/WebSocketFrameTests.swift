import Testing
import Transport

/// RFC 6455 §5.2: frames of the server.
@Suite struct WebSocketFrameTests {
    static let lengths: [(Int, [UInt8])] = [
        (0, [0x82, 0]), (1, [0x82, 1]), (125, [0x82, 125]), (126, [0x82, 126, 0, 126]),
        (65_535, [0x82, 126, 255, 255]),
        (65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), (1 << 40, [0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]),
    ]

    @Test(arguments: lengths) func header(length: Int, expected: [UInt8]) {
        #expect(WebSocketFrame.header(.binary, payloadBytes: length).bytes == expected)
    }

    @Test func control() {
        #expect(WebSocketFrame.control(.pong, [1, 2]) == [0x8A, 2, 1, 2])
        #expect(WebSocketFrame.close(1009) == [0x88, 2, 0x03, 0xF1])
    }
}
