import MQTT
import Topics
import Transport

// CONNACK: what the client may expect, in a packet that is not too large for it.
extension Shard {
    /// What the client asked for and gets otherwise than it asked, or only because it asked.
    func addWishes(_ waiting: Connecting, _ session: Int32, to properties: inout ConnackProperties) {
        guard waiting.connect.version == .v5 else { return }
        if let keepAlive = serverKeepAliveSeconds(waiting.connect, isAnonymous: waiting.claims == nil) {
            properties.serverKeepAliveSeconds = keepAlive
        }
        if waiting.connect.requestResponseInformation { properties.responseInformation = responsePrefix(session) }
    }

    /// What the client must use instead of the keep-alive that it asked for (MQTT 5 §3.2.2.3.14); nil: its own is good.
    func serverKeepAliveSeconds(_ connect: borrowing Connect, isAnonymous: Bool) -> UInt16? {
        guard connect.version == .v5 else { return nil }
        let limit = hub.settings.keepAliveSecondsMax
        if limit > 0, connect.keepAliveSeconds == 0 || connect.keepAliveSeconds > limit { return limit }
        let isLong = isAnonymous && connect.keepAliveSeconds > Limits.anonymousKeepAliveSecondsMax
        return isLong ? Limits.anonymousKeepAliveSecondsMax : nil
    }

    /// Below which topics the client can take answers (§3.2.2.3.15); nil where it could not subscribe.
    private func responsePrefix(_ session: Int32) -> [UInt8]? {
        let clientID = sessions[Int(session)].key.clientID
        // It is to be one level, and a name for publishers, not a filter.
        let isLevel = clientID.allSatisfy {
            $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "/")
        }
        let prefix = Array("response/".utf8) + clientID + [UInt8(ascii: "/")]
        guard isLevel, let filter = try? TopicFilter(validating: prefix + [UInt8(ascii: "#")]),
            sessions[Int(session)].rules.maySubscribe(filter)
        else { return nil }
        return prefix
    }

    /// Writes a CONNACK into `scratch`. What is only said for people or for convenience is left out where the packet would be too large
    /// [MQTT-3.2.2-19] [MQTT-3.2.2-20].
    /// - Returns: false if it is too large all the same, and nothing is written.
    mutating func writeConnack(
        _ version: ProtocolVersion, sessionPresent: Bool = false, _ reason: ReasonCode,
        _ properties: ConnackProperties, packetBytesMax: Int
    ) -> Bool {
        var shorter = properties
        shorter.reasonString = nil
        shorter.userProperties = []
        shorter.responseInformation = nil
        for properties in [properties, shorter] {
            scratch.removeAll(keepingCapacity: true)
            ServerPacket.encodeConnack(
                into: &scratch, version: version, sessionPresent: sessionPresent, reason: reason,
                properties: properties)
            if scratch.count <= packetBytesMax { return true }
        }
        scratch.removeAll(keepingCapacity: true)
        return false
    }

    mutating func refuseConnect(
        _ id: ConnectionID, _ error: ProtocolError, packetBytesMax: Int, io: inout Connections
    ) {
        hub.services.logger.debug("a CONNECT was refused with \(error.reason): \(error.message)")
        guard let version = error.version else {
            clients[Int(id.slot)] = .ended
            io.finish(id.slot)
            return
        }
        sendRefusal(
            version, error.reason, text: "\(error.message)", packetBytesMax: packetBytesMax, to: id.slot, io: &io)
    }

    /// A refusal before there is a session, and the end of the connection.
    mutating func sendRefusal(
        _ version: ProtocolVersion, _ reason: ReasonCode, text: String, packetBytesMax: Int, to slot: Int32,
        io: inout Connections
    ) {
        var properties = ConnackProperties()
        if !text.isEmpty { properties.reasonString = Array(text.utf8) }
        if writeConnack(version, reason, properties, packetBytesMax: packetBytesMax), !scratch.isEmpty {
            io.append(scratch.span, to: slot)
        }
        clients[Int(slot)] = .ended
        io.finish(slot)
    }

    /// Answers a violation with the reason that the specification names, as far as the version has a packet for it, and closes.
    mutating func refuse(_ id: ConnectionID, _ error: ProtocolError, io: inout Connections) {
        switch clients[Int(id.slot)] {
        case .none, .ended, .resolving, .waiting: return
        case .new: refuseConnect(id, error, packetBytesMax: .max, io: &io)
        case .connected(let session):
            disconnect(session, error.reason, text: "\(error.message)", io: &io)
        }
    }
}
