/// CONNACK as a client reads it (MQTT 5 §3.2).
package struct Connack: Equatable, Sendable {
    package var sessionPresent: Bool
    /// A return code of 3.x is told by the reason that `connectReturnCode` maps to it.
    package var reason: ReasonCode
    package var properties = ConnackProperties()

    static func decode(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, version: ProtocolVersion
    ) throws(ProtocolError) -> Connack {
        let flags = try cursor.byte(in: bytes)
        if flags > 1 { throw .malformed("reserved acknowledge flags are set") }  // [MQTT-3.2.2-1]
        let code = try cursor.byte(in: bytes)
        guard let reason = version == .v5 ? ReasonCode(rawValue: code) : ReasonCode(connectReturnCode: code) else {
            throw .violation("an unknown reason code")
        }
        var connack = Connack(sessionPresent: flags == 1, reason: reason)
        if version == .v5 { try connack.properties.read(try cursor.properties(in: bytes), in: bytes) }
        try cursor.checkEnd()
        return connack
    }
}

extension ReasonCode {
    fileprivate init?(connectReturnCode code: UInt8) {
        switch code {
        case 0: self = .success
        case 1: self = .unsupportedProtocolVersion
        case 2: self = .clientIdentifierNotValid
        case 3: self = .serverUnavailable
        case 4: self = .badUserNameOrPassword
        case 5: self = .notAuthorized
        default: return nil
        }
    }
}

extension ConnackProperties {
    fileprivate mutating func read(_ range: Range<Int>, in bytes: Span<UInt8>) throws(ProtocolError) {
        var cursor = PropertyCursor(range, allowed: .connack)
        while let property = try cursor.next(in: bytes) {
            let isOne = property.number == 1
            switch property.id {
            case .sessionExpiryInterval: sessionExpirySeconds = property.number
            case .receiveMaximum: receiveMaximum = UInt16(property.number)
            case .maximumQoS: maximumQoS = isOne ? .atLeastOnce : .atMostOnce
            case .retainAvailable: isRetainAvailable = isOne
            case .maximumPacketSize: packetBytesMax = property.number
            case .assignedClientIdentifier: assignedClientID = [UInt8](copying: bytes, property.bytes)
            case .topicAliasMaximum: topicAliasMaximum = UInt16(property.number)
            case .reasonString: reasonString = [UInt8](copying: bytes, property.bytes)
            case .userProperty: userProperties.append(UserProperty(property, in: bytes))
            case .wildcardSubscriptionAvailable: isWildcardSubscriptionAvailable = isOne
            case .subscriptionIdentifierAvailable: isSubscriptionIdentifierAvailable = isOne
            case .sharedSubscriptionAvailable: isSharedSubscriptionAvailable = isOne
            case .serverKeepAlive: serverKeepAliveSeconds = UInt16(property.number)
            case .responseInformation: responseInformation = [UInt8](copying: bytes, property.bytes)
            case .serverReference: serverReference = [UInt8](copying: bytes, property.bytes)
            case .authenticationMethod: authenticationMethod = [UInt8](copying: bytes, property.bytes)
            case .authenticationData: authenticationData = [UInt8](copying: bytes, property.bytes)
            default: break
            }
        }
    }
}
