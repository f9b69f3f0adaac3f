/// AUTH (MQTT 5 §3.15).
package struct Auth: Equatable, Sendable {
    package var reason: ReasonCode
    package var method: [UInt8]?
    package var data: [UInt8]?
    package var reasonString: [UInt8]?
    package var userProperties: [UserProperty] = []

    package init(reason: ReasonCode) {
        self.reason = reason
    }

    /// A client continues or starts anew; only a server reports success (§3.15.2.1).
    static func decodeFromClient(_ cursor: inout Cursor, in bytes: Span<UInt8>) throws(ProtocolError) -> Auth {
        let auth = try decode(&cursor, in: bytes)
        guard auth.reason == .continueAuthentication || auth.reason == .reauthenticate else {
            throw .violation("a reason code that a client's AUTH can't have")  // [MQTT-3.15.2-1]
        }
        guard auth.method != nil else { throw .violation("AUTH without a method") }  // §3.15.2.2.2
        return auth
    }

    static func decode(_ cursor: inout Cursor, in bytes: Span<UInt8>) throws(ProtocolError) -> Auth {
        var auth = Auth(reason: .success)
        if cursor.isAtEnd { return auth }
        guard let reason = ReasonCode(rawValue: try cursor.byte(in: bytes)) else {
            throw .violation("an unknown reason code")
        }
        auth.reason = reason
        if cursor.isAtEnd { return auth }
        var properties = PropertyCursor(try cursor.properties(in: bytes), allowed: .auth)
        while let property = try properties.next(in: bytes) {
            switch property.id {
            case .authenticationMethod: auth.method = [UInt8](copying: bytes, property.bytes)
            case .authenticationData: auth.data = [UInt8](copying: bytes, property.bytes)
            case .reasonString: auth.reasonString = [UInt8](copying: bytes, property.bytes)
            case .userProperty: auth.userProperties.append(UserProperty(property, in: bytes))
            default: break
            }
        }
        try cursor.checkEnd()
        return auth
    }
}
