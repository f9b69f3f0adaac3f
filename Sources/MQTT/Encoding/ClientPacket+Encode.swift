/// Writes what only a client sends; PUBLISH and acknowledgements are the same in both directions, see `ServerPacket`.
extension ClientPacket {
    package static func encodePingreq(into output: inout [UInt8]) {
        output.append(PacketType.pingreq.rawValue << 4)
        output.append(0)
    }

    /// CONNECT (MQTT 5 §3.1).
    package static func encodeConnect(into output: inout [UInt8], _ connect: Connect) {
        var body: [UInt8] = []
        body.appendPrefixed(connect.version == .v3_1 ? "MQIsdp" : "MQTT")
        body.append(connect.version.rawValue)
        body.append(flags(connect))
        body.append(uint16: connect.keepAliveSeconds)
        if connect.version == .v5 { appendProperties(properties(connect), to: &body) }
        body.append(prefixed: connect.clientID.span)
        if let will = connect.will {
            if connect.version == .v5 { appendProperties(properties(will), to: &body) }
            body.append(prefixed: will.topic.span)
            body.append(prefixed: will.payload.span)
        }
        if let username = connect.username { body.append(prefixed: username.span) }
        if let password = connect.password { body.append(prefixed: password.span) }
        appendPacket(.connect, body, to: &output)
    }

    /// SUBSCRIBE (§3.8).
    package static func encodeSubscribe(
        into output: inout [UInt8], version: ProtocolVersion, _ subscribe: Subscribe
    ) {
        precondition(subscribe.packetID != 0 && !subscribe.entries.isEmpty)
        var body: [UInt8] = []
        body.append(uint16: subscribe.packetID)
        if version == .v5 {
            var raw: [UInt8] = []
            if let id = subscribe.subscriptionID { raw.appendProperty(.subscriptionIdentifier, number: id) }
            for property in subscribe.userProperties { raw.appendUserProperty(property) }
            appendProperties(raw, to: &body)
        }
        for entry in subscribe.entries {
            body.append(prefixed: entry.filter.span)
            body.append(version == .v5 ? entry.options.rawValue : entry.options.qos.rawValue)
        }
        appendPacket(.subscribe, body, to: &output)
    }

    /// UNSUBSCRIBE (§3.10).
    package static func encodeUnsubscribe(
        into output: inout [UInt8], version: ProtocolVersion, _ unsubscribe: Unsubscribe
    ) {
        precondition(unsubscribe.packetID != 0 && !unsubscribe.filters.isEmpty)
        var body: [UInt8] = []
        body.append(uint16: unsubscribe.packetID)
        if version == .v5 {
            var raw: [UInt8] = []
            for property in unsubscribe.userProperties { raw.appendUserProperty(property) }
            appendProperties(raw, to: &body)
        }
        for filter in unsubscribe.filters { body.append(prefixed: filter.span) }
        appendPacket(.unsubscribe, body, to: &output)
    }

    /// DISCONNECT (§3.14); in 3.x there is only the normal one.
    package static func encodeDisconnect(
        into output: inout [UInt8], version: ProtocolVersion, reason: ReasonCode = .normalDisconnection,
        properties: [UInt8] = []
    ) {
        if version == .v5 {
            ServerPacket.encodeDisconnect(into: &output, version: version, reason: reason, properties: properties)
        } else {
            appendPacket(.disconnect, [], to: &output)
        }
    }

    private static func flags(_ connect: Connect) -> UInt8 {
        var flags: UInt8 = connect.cleanStart ? 0x02 : 0
        if let will = connect.will { flags |= 0x04 | will.qos.rawValue << 3 | (will.retain ? 0x20 : 0) }
        if connect.password != nil { flags |= 0x40 }
        if connect.username != nil { flags |= 0x80 }
        return flags
    }

    private static func properties(_ connect: Connect) -> [UInt8] {
        var raw: [UInt8] = []
        if connect.sessionExpirySeconds != 0 {
            raw.appendProperty(.sessionExpiryInterval, number: connect.sessionExpirySeconds)
        }
        if connect.receiveMaximum != 65_535 {
            raw.appendProperty(.receiveMaximum, number: UInt32(connect.receiveMaximum))
        }
        if connect.packetBytesMax < FixedHeader.packetBytesLimit {
            raw.appendProperty(.maximumPacketSize, number: UInt32(connect.packetBytesMax))
        }
        if connect.topicAliasMaximum != 0 {
            raw.appendProperty(.topicAliasMaximum, number: UInt32(connect.topicAliasMaximum))
        }
        if connect.requestResponseInformation { raw.appendProperty(.requestResponseInformation, flag: true) }
        if !connect.requestProblemInformation { raw.appendProperty(.requestProblemInformation, flag: false) }
        if let method = connect.authenticationMethod { raw.appendProperty(.authenticationMethod, bytes: method.span) }
        if let data = connect.authenticationData { raw.appendProperty(.authenticationData, bytes: data.span) }
        for property in connect.userProperties { raw.appendUserProperty(property) }
        return raw
    }

    private static func properties(_ will: Will) -> [UInt8] {
        var raw: [UInt8] = []
        if will.delaySeconds != 0 { raw.appendProperty(.willDelayInterval, number: will.delaySeconds) }
        if let expiry = will.messageExpirySeconds { raw.appendProperty(.messageExpiryInterval, number: expiry) }
        return raw + will.forwardedProperties
    }

    private static func appendProperties(_ raw: [UInt8], to output: inout [UInt8]) {
        output.append(variableInteger: raw.count)
        output.append(contentsOf: raw)
    }

    private static func appendPacket(_ type: PacketType, _ body: [UInt8], to output: inout [UInt8]) {
        output.append(type.rawValue << 4 | type.reservedFlags)
        output.append(variableInteger: body.count)
        output.append(contentsOf: body)
    }
}
