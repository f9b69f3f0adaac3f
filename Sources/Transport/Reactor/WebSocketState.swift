import Memory

/// What a connection has beyond others when it speaks WebSocket. `Connection.output` holds what is still to be framed.
struct WebSocketState {
    /// For a peer that nobody has admitted yet (security.md "WebSocket").
    static let strangerPayloadBytesMax: UInt64 = 64 * 1024
    /// Payload is handed on as it comes, so a large frame costs nothing; this only ends what cannot be meant.
    static let admittedPayloadBytesMax: UInt64 = 16 * 1024 * 1024
    /// A frame that we send has at most this many blocks of output, 64 KiB: clients hold a frame whole before they look at it, and many
    /// refuse those above 1 MiB.
    static let blocksPerFrameMax = 4

    var decoder = WebSocketDecoder(payloadBytesMax: strangerPayloadBytesMax)
    /// Whole frames on their way to the socket.
    var sending = OutputQueue()
    /// The payload of the newest ping that was not answered yet; older ones need no answer (RFC 6455 §5.5.3).
    var pong: [UInt8]?
    var closeCode = WebSocketFrame.CloseCode.normal
    var isCloseSent = false
    /// The frames have ended, with this code for ours, but the handler has not taken all that came before.
    var postponedEnd: UInt16?
}
