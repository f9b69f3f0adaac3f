/// PUBACK, PUBREC, PUBREL or PUBCOMP (MQTT 5 §3.4 to §3.7); allocates nothing.
package struct Acknowledgement: Sendable {
    package var packetID: UInt16
    package var reason: ReasonCode = .success
    /// The raw properties (reason string, user properties); valid by now.
    package var properties: Range<Int> = 0..<0

    package init(packetID: UInt16, reason: ReasonCode = .success) {
        self.packetID = packetID
        self.reason = reason
    }

    static func decode(
        _ cursor: inout Cursor, of type: PacketType, in bytes: Span<UInt8>, version: ProtocolVersion
    ) throws(ProtocolError) -> Acknowledgement {
        var acknowledgement = Acknowledgement(packetID: try cursor.packetID(in: bytes))
        if version == .v5, !cursor.isAtEnd {
            guard let reason = ReasonCode(rawValue: try cursor.byte(in: bytes)), isAllowed(reason, in: type) else {
                throw .violation("a reason code that this packet can't have")
            }
            acknowledgement.reason = reason
            if !cursor.isAtEnd {
                acknowledgement.properties = try cursor.properties(in: bytes)
                var properties = PropertyCursor(acknowledgement.properties, allowed: .acknowledgement)
                while try properties.next(in: bytes) != nil {}
            }
        }
        try cursor.checkEnd()
        return acknowledgement
    }

    /// §3.4.2.1, §3.5.2.1, §3.6.2.1, §3.7.2.1.
    private static func isAllowed(_ reason: ReasonCode, in type: PacketType) -> Bool {
        if reason == .success { return true }
        if type == .pubrel || type == .pubcomp { return reason == .packetIdentifierNotFound }
        switch reason {
        case .noMatchingSubscribers, .unspecifiedError, .implementationSpecificError, .notAuthorized,
            .topicNameInvalid, .packetIdentifierInUse, .quotaExceeded, .payloadFormatInvalid:
            return true
        default: return false
        }
    }
}

/// What explains an answer: the reason string and user properties of every packet but CONNECT and PUBLISH.
package struct ReasonProperties: Equatable, Sendable {
    package var reasonString: [UInt8]?
    package var userProperties: [UserProperty] = []

    package init() {}

    /// `range` is the `properties` of an `Acknowledgement`.
    package static func decode(
        _ range: Range<Int>, in bytes: Span<UInt8>
    ) throws(ProtocolError) -> ReasonProperties {
        var result = ReasonProperties()
        var cursor = PropertyCursor(range, allowed: .acknowledgement)
        while let property = try cursor.next(in: bytes) {
            switch property.id {
            case .reasonString: result.reasonString = [UInt8](copying: bytes, property.bytes)
            case .userProperty: result.userProperties.append(UserProperty(property, in: bytes))
            default: break
            }
        }
        return result
    }
}
