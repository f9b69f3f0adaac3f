import CLinux
import Glibc
import Testing

@testable import Transport

/// An echo server on the decoder and the frames alone, for the Autobahn cases, which are about text and whole messages, of which the hub
/// itself has no use. By hand: `CONFAB_AUTOBAHN_PORT=9001 swift test --filter AutobahnEchoServer` and, meanwhile, PyPI's
/// `kosoku 127.0.0.1:9001`; then end it.
@Suite struct AutobahnEchoServer {
    static let port = getenv("CONFAB_AUTOBAHN_PORT").flatMap { UInt16(String(cString: $0)) }

    @Test(.enabled(if: port != nil)) func serve() throws {
        let listener = try Listener(
            .init(tag: 0, address: "127.0.0.1", port: Self.port ?? 0, isTLS: false))
        _ = fcntl(listener.descriptor, F_SETFL, 0)
        while true {
            let descriptor = accept(listener.descriptor, nil, nil)
            guard descriptor >= 0 else { continue }
            Self.converse(descriptor)
            close(descriptor)
        }
    }

    private static func converse(_ descriptor: Int32) {
        var http = HTTPConnectionState()
        guard var rest = receive(descriptor) else { return }
        let (consumed, action) = http.received(rest.span)
        guard case .request(let request) = action, let key = request.header("sec-websocket-key") else { return }
        let answer = HTTPResponse(
            status: 101,
            headers: [
                ("upgrade", "websocket"), ("connection", "Upgrade"),
                ("sec-websocket-accept", WebSocketOffer.acceptKey(key)),
            ])
        var output: [UInt8] = []
        answer.write(into: &output, keepAlive: true, head: false, dateMilliseconds: 0)
        sendAll(descriptor, output)
        rest.removeFirst(consumed)
        var decoder = WebSocketDecoder(payloadBytesMax: 64 << 20, acceptsText: true)
        var message: [UInt8] = []
        while echo(rest, &decoder, &message, descriptor) {
            guard let more = receive(descriptor) else { return }
            rest = more
        }
        // The peer is to see the close frame before a reset.
        shutdown(descriptor, Int32(SHUT_WR))
        while receive(descriptor) != nil {}
    }

    /// - Returns: false after a close frame.
    private static func echo(
        _ received: [UInt8], _ decoder: inout WebSocketDecoder, _ message: inout [UInt8], _ descriptor: Int32
    ) -> Bool {
        var bytes = received
        var read = 0
        while true {
            let start = read
            var written = read
            var span = bytes.mutableSpan
            let event = decoder.decode(&span, read: &read, written: &written)
            message += bytes[start..<written]
            switch event {
            case nil: return true
            case .ping(let payload): sendAll(descriptor, WebSocketFrame.control(.pong, payload))
            case .messageEnd(let isText):
                if isText, String(validating: message, as: UTF8.self) == nil {
                    sendAll(descriptor, WebSocketFrame.close(WebSocketFrame.CloseCode.invalidPayload))
                    return false
                }
                let header = WebSocketFrame.header(isText ? .text : .binary, payloadBytes: message.count)
                sendAll(descriptor, header.bytes + message)
                message = []
            case .close(let code):
                sendAll(descriptor, WebSocketFrame.close(code ?? WebSocketFrame.CloseCode.normal))
                return false
            case .violation(let code):
                sendAll(descriptor, WebSocketFrame.close(code))
                return false
            }
        }
    }

    private static func receive(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    private static func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }
}
