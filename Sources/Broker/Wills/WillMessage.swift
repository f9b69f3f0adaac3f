import Identity
import JSON
import MQTT
import Persistence
import Topics

// What a will becomes when it is sent; the same is asked at CONNECT, so that nobody is accepted whose will can't be sent.

extension MessageAdmission {
    /// Of a will onto a conversation.
    /// - Parameter properties: the raw ones that go with it.
    init(willPayload payload: [UInt8], properties raw: [UInt8]) throws(Refusal) {
        // CONNECT has been decoded without error, so these are good.
        let properties = (try? PublishProperties.decode(raw.indices, in: raw.span)) ?? PublishProperties()
        try self.init(
            payload: payload.span, isText: properties.contentType.map { Self.isPlainText($0) } ?? false,
            clientRef: properties.userProperties.first { $0.name == Array("client_ref".utf8) }?.value)
        guard kind == .message else { throw .invalidMember("type", "a will is a message") }
    }
}

extension UserRights {
    /// The conversation, and the entries that it has, if the user may write there.
    func writableTopic(_ address: TopicAddress) throws(Refusal) -> (topic: StoredTopic, seqs: Range<Int64>) {
        switch address {
        case .inbox, .filterLog: throw .notAuthorized
        case .group(let id):
            guard let group = groups.first(where: { $0.groupID == id }) else { throw .notAMember }
            if group.announcement, group.role < .admin { throw .announcementOnly }
            return (.group(id), group.firstSeq..<group.lastSeq + 1)
        case .direct(let low, let high):
            guard low == userID || high == userID,
                let direct = directs.first(where: { $0.otherID == (low == userID ? high : low) }), direct.writable
            else { throw .notFriends }
            return (.direct(low, high, id: direct.topicID), direct.firstSeq..<direct.lastSeq + 1)
        }
    }

    /// What of a will onto a conversation only the database can tell.
    func check(_ will: Will) throws(Refusal) {
        guard case .stored(let address) = classify(will.topic.span) else { return }
        let target = try writableTopic(address)
        let admission = try MessageAdmission(willPayload: will.payload, properties: will.forwardedProperties)
        if let replyTo = admission.replyTo, !target.seqs.contains(replyTo) { throw .notFound }
    }
}

extension StoredWill {
    init(_ will: Will, id: Int64, key: SessionKey, sessionSeconds: UInt32, rules: AccessList?) {
        self.init(
            id: id, userID: key.userID, clientID: key.clientID, delaySeconds: Int64(will.delaySeconds),
            sessionSeconds: Int64(sessionSeconds), topic: will.topic, payload: will.payload, qos: will.qos.rawValue,
            retain: will.retain, expirySeconds: will.messageExpirySeconds.map { Int64($0) },
            properties: will.forwardedProperties, rules: rules.map(\.json))
    }

    /// The rights that its client's token gave; a claim that we can't read gives none.
    var accessRules: AccessRules {
        guard userID != 0 else { return .everything }
        guard let rules, let value = try? JSONValue(parsing: rules), let list = try? AccessList(value) else {
            return .nothing
        }
        return AccessRules(list, userID: userID, clientID: clientID)
    }

    /// - Parameter now: the message's expiry counts from when it is sent (MQTT 5 §3.1.3.2.4).
    func message(now: Int64) -> PlainMessage {
        guard let qos = QoS(rawValue: qos) else { preconditionFailure("only what a CONNECT can say is stored") }
        return PlainMessage(
            topic: topic, payload: payload, qos: qos, retain: retain, forwarded: properties,
            expiresAt: expirySeconds.map { now + $0 * 1000 } ?? 0)
    }
}

extension AccessList {
    /// As in the token.
    var json: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }
}
