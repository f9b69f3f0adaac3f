/// DISCONNECT (MQTT 5 §3.14). In 3.x it is always a normal one.
package struct Disconnect: Equatable, Sendable {
    package var reason: ReasonCode = .normalDisconnection
    package var sessionExpirySeconds: UInt32?
    package var reasonString: [UInt8]?
    package var serverReference: [UInt8]?
    package var userProperties: [UserProperty] = []

    package init(reason: ReasonCode = .normalDisconnection) {
        self.reason = reason
    }

    static func decodeFromClient(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, version: ProtocolVersion
    ) throws(ProtocolError) -> Disconnect {
        guard version == .v5 else {
            try cursor.checkEnd()
            return Disconnect()
        }
        let disconnect = try decode(&cursor, in: bytes, allowed: .disconnectFromClient)
        switch disconnect.reason {
        case .normalDisconnection, .disconnectWithWillMessage, .unspecifiedError, .malformedPacket, .protocolError,
            .implementationSpecificError, .topicNameInvalid, .receiveMaximumExceeded, .topicAliasInvalid,
            .packetTooLarge, .messageRateTooHigh, .quotaExceeded, .administrativeAction, .payloadFormatInvalid:
            return disconnect
        default: throw .violation("a reason code that a client's DISCONNECT can't have")  // [MQTT-3.14.2-1]
        }
    }

    static func decode(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, allowed: PropertySet
    ) throws(ProtocolError) -> Disconnect {
        var disconnect = Disconnect()
        if cursor.isAtEnd { return disconnect }
        guard let reason = ReasonCode(rawValue: try cursor.byte(in: bytes)) else {
            throw .violation("an unknown reason code")
        }
        disconnect.reason = reason
        if cursor.isAtEnd { return disconnect }
        var properties = PropertyCursor(try cursor.properties(in: bytes), allowed: allowed)
        while let property = try properties.next(in: bytes) {
            switch property.id {
            case .sessionExpiryInterval: disconnect.sessionExpirySeconds = property.number
            case .reasonString: disconnect.reasonString = [UInt8](copying: bytes, property.bytes)
            case .serverReference: disconnect.serverReference = [UInt8](copying: bytes, property.bytes)
            case .userProperty: disconnect.userProperties.append(UserProperty(property, in: bytes))
            default: break
            }
        }
        try cursor.checkEnd()
        return disconnect
    }
}
