/// What CONNACK tells the client (MQTT 5 §3.2.2.3); what is left at its default is not written.
package struct ConnackProperties: Equatable, Sendable {
    /// nil: as the client asked.
    package var sessionExpirySeconds: UInt32?
    package var receiveMaximum: UInt16 = 65_535
    /// Only `.atMostOnce` and `.atLeastOnce` can be written; the default says that all are granted.
    package var maximumQoS = QoS.exactlyOnce
    package var isRetainAvailable = true
    /// nil: no limit but the protocol's.
    package var packetBytesMax: UInt32?
    package var assignedClientID: [UInt8]?
    package var topicAliasMaximum: UInt16 = 0
    package var reasonString: [UInt8]?
    package var userProperties: [UserProperty] = []
    package var isWildcardSubscriptionAvailable = true
    package var isSubscriptionIdentifierAvailable = true
    package var isSharedSubscriptionAvailable = true
    /// nil: as the client asked.
    package var serverKeepAliveSeconds: UInt16?
    package var responseInformation: [UInt8]?
    package var serverReference: [UInt8]?
    package var authenticationMethod: [UInt8]?
    package var authenticationData: [UInt8]?

    package init() {}

    func append(to output: inout [UInt8]) {
        if let sessionExpirySeconds { output.appendProperty(.sessionExpiryInterval, number: sessionExpirySeconds) }
        if receiveMaximum != 65_535 { output.appendProperty(.receiveMaximum, number: UInt32(receiveMaximum)) }
        if maximumQoS != .exactlyOnce { output.appendProperty(.maximumQoS, flag: maximumQoS == .atLeastOnce) }
        if !isRetainAvailable { output.appendProperty(.retainAvailable, flag: false) }
        if let packetBytesMax { output.appendProperty(.maximumPacketSize, number: packetBytesMax) }
        if let assignedClientID { output.appendProperty(.assignedClientIdentifier, bytes: assignedClientID.span) }
        if topicAliasMaximum != 0 { output.appendProperty(.topicAliasMaximum, number: UInt32(topicAliasMaximum)) }
        if !isWildcardSubscriptionAvailable { output.appendProperty(.wildcardSubscriptionAvailable, flag: false) }
        if !isSubscriptionIdentifierAvailable { output.appendProperty(.subscriptionIdentifierAvailable, flag: false) }
        if !isSharedSubscriptionAvailable { output.appendProperty(.sharedSubscriptionAvailable, flag: false) }
        if let serverKeepAliveSeconds {
            output.appendProperty(.serverKeepAlive, number: UInt32(serverKeepAliveSeconds))
        }
        if let responseInformation { output.appendProperty(.responseInformation, bytes: responseInformation.span) }
        if let serverReference { output.appendProperty(.serverReference, bytes: serverReference.span) }
        if let authenticationMethod { output.appendProperty(.authenticationMethod, bytes: authenticationMethod.span) }
        if let authenticationData { output.appendProperty(.authenticationData, bytes: authenticationData.span) }
        if let reasonString { output.appendProperty(.reasonString, bytes: reasonString.span) }
        for property in userProperties { output.appendUserProperty(property) }
    }
}

extension ServerPacket {
    /// CONNACK (MQTT 5 §3.2, 3.1.1 §3.2). False: this version has no code for the reason, nothing was written, and the
    /// connection is to be closed without an answer.
    @discardableResult
    package static func encodeConnack(
        into output: inout [UInt8], version: ProtocolVersion, sessionPresent: Bool, reason: ReasonCode,
        properties: ConnackProperties = ConnackProperties()
    ) -> Bool {
        precondition(reason == .success || !sessionPresent, "a refusal has no session [MQTT-3.2.2-6]")
        guard version == .v5 else {
            guard let code = reason.connectReturnCode else { return false }
            // The acknowledge flags are reserved in 3.1.
            let flags: UInt8 = sessionPresent && version == .v3_1_1 ? 1 : 0
            output.append(PacketType.connack.rawValue << 4)
            output.append(2)
            output.append(flags)
            output.append(code)
            return true
        }
        var raw: [UInt8] = []
        properties.append(to: &raw)
        output.append(PacketType.connack.rawValue << 4)
        output.append(variableInteger: 2 + VariableInteger.length(raw.count) + raw.count)
        output.append(sessionPresent ? 1 : 0)
        output.append(reason.rawValue)
        output.append(variableInteger: raw.count)
        output.append(contentsOf: raw)
        return true
    }
}
