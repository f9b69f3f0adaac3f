import MQTT

extension PacketContent {
    /// nil: this version has no such packet, or no way to say it.
    func encoded(_ version: ProtocolVersion, _ isFromClient: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        switch self {
        case .connect(let connect): ClientPacket.encodeConnect(into: &bytes, connect)
        case .publish(let publish):
            bytes = publish.encoded(version, subscriptionIDs: publish.properties.subscriptionIDs)
        case .acknowledgement(let type, let packetID, let reason, let properties):
            ServerPacket.encodeAcknowledgement(
                type, into: &bytes, version: version, packetID: packetID, reason: reason, properties: properties)
        case .subscribe(let packet): ClientPacket.encodeSubscribe(into: &bytes, version: version, packet)
        case .unsubscribe(let packet): ClientPacket.encodeUnsubscribe(into: &bytes, version: version, packet)
        case .disconnect(let disconnect):
            ClientPacket.encodeDisconnect(
                into: &bytes, version: version, reason: disconnect.reason, properties: properties(disconnect))
        case .auth(let auth): ServerPacket.encodeAuth(into: &bytes, reason: auth.reason, properties: properties(auth))
        case .connack(let connack):
            let isWritten = ServerPacket.encodeConnack(
                into: &bytes, version: version, sessionPresent: connack.sessionPresent, reason: connack.reason,
                properties: connack.properties)
            return isWritten ? bytes : nil
        case .suback(let suback):
            ServerPacket.encodeSuback(
                into: &bytes, version: version, packetID: suback.packetID, reasons: suback.reasons,
                properties: properties(suback.properties))
        case .unsuback(let unsuback):
            ServerPacket.encodeUnsuback(
                into: &bytes, version: version, packetID: unsuback.packetID, reasons: unsuback.reasons,
                properties: properties(unsuback.properties))
        case .pingreq: ClientPacket.encodePingreq(into: &bytes)
        case .pingresp: ServerPacket.encodePingresp(into: &bytes)
        }
        return bytes
    }

    private func properties(_ disconnect: Disconnect) -> [UInt8] {
        var raw: [UInt8] = []
        if let seconds = disconnect.sessionExpirySeconds { raw.appendProperty(.sessionExpiryInterval, number: seconds) }
        if let text = disconnect.reasonString { raw.appendProperty(.reasonString, bytes: text.span) }
        if let text = disconnect.serverReference { raw.appendProperty(.serverReference, bytes: text.span) }
        for property in disconnect.userProperties { raw.appendUserProperty(property) }
        return raw
    }

    private func properties(_ auth: Auth) -> [UInt8] {
        var raw: [UInt8] = []
        if let method = auth.method { raw.appendProperty(.authenticationMethod, bytes: method.span) }
        if let data = auth.data { raw.appendProperty(.authenticationData, bytes: data.span) }
        if let text = auth.reasonString { raw.appendProperty(.reasonString, bytes: text.span) }
        for property in auth.userProperties { raw.appendUserProperty(property) }
        return raw
    }

    private func properties(_ reason: ReasonProperties) -> [UInt8] {
        var raw: [UInt8] = []
        if let text = reason.reasonString { raw.appendProperty(.reasonString, bytes: text.span) }
        for property in reason.userProperties { raw.appendUserProperty(property) }
        return raw
    }
}
