/// SUBACK or UNSUBACK as a client reads it (MQTT 5 §3.9, §3.11).
package struct Suback: Equatable, Sendable {
    package var packetID: UInt16
    /// One for each filter, in their order; an UNSUBACK of 3.x has none. 0x80 of 3.x is `unspecifiedError`.
    package var reasons: [ReasonCode] = []
    package var properties = ReasonProperties()

    static func decode(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, version: ProtocolVersion
    ) throws(ProtocolError) -> Suback {
        var suback = Suback(packetID: try cursor.packetID(in: bytes))
        if version == .v5 {
            suback.properties = try ReasonProperties.decode(try cursor.properties(in: bytes), in: bytes)
        }
        while !cursor.isAtEnd {
            guard let reason = ReasonCode(rawValue: try cursor.byte(in: bytes)) else {
                throw .violation("an unknown reason code")
            }
            suback.reasons.append(reason)
        }
        return suback
    }
}
