/// Why a peer's bytes are refused: what to say in CONNACK or DISCONNECT before the connection is closed (MQTT 5 §4.13).
package struct ProtocolError: Error, Sendable {
    package var reason: ReasonCode
    package var message: StaticString
    /// For a CONNECT: the version whose CONNACK the client will understand; nil: close without an answer.
    package var version: ProtocolVersion?

    package init(_ reason: ReasonCode, _ message: StaticString, version: ProtocolVersion? = nil) {
        self.reason = reason
        self.message = message
        self.version = version
    }

    static func malformed(_ message: StaticString) -> ProtocolError { ProtocolError(.malformedPacket, message) }
    static func violation(_ message: StaticString) -> ProtocolError { ProtocolError(.protocolError, message) }
}
