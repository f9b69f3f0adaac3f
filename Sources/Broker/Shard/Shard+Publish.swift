import JSON
import MQTT
import Memory
import Persistence
import Topics
import Transport

// PUBLISH from a client: what it is, whether it may, and the answer.
extension Shard {
    /// - Parameter packet: where in `bytes` the whole packet is.
    mutating func receive(
        _ publish: Publish, _ packet: Range<Int>, _ bytes: Span<UInt8>, from session: Int32, io: inout Connections
    ) throws(ProtocolError) {
        let place = Int(session)
        if publish.qos == .exactlyOnce, isRepetition(publish, from: session, io: &io) { return }
        let isCounted = sessions[Int(session)].version == .v5 && publish.qos.isAcknowledged
        guard !isCounted || sessions[Int(session)].unansweredCount < Int(Limits.receiveMaximum) else {
            throw ProtocolError(.receiveMaximumExceeded, "more packets are unanswered than the receive maximum allows")
        }
        charge(publish, bytes, to: session, io: &io)
        if publish.qos == .exactlyOnce {
            let isNew = sessions[place].inbound.state(of: publish.packetID) == nil
            sessions[place].inbound.publish(publish.packetID, newID: hub.services.ids.next())
            if isNew, sessions[place].isPersistent {
                hold(.publish([UInt8](span: bytes.extracting(packet)), isAnswered: true), of: session)
                pauseIfAhead(session, io: &io)
                return
            }
        }
        // Behind what is held, or messages of one client would be numbered in another order than it sent them.
        guard sessions[place].held.publishesCount == 0 else {
            let copy = [UInt8](span: bytes.extracting(packet))
            holdBehind(.publish(copy, isAnswered: publish.qos.isAcknowledged), of: session)
            pauseIfAhead(session, io: &io)
            return
        }
        guard !waitsForTopic(publish, packet, bytes, session, io: &io) else { return }
        try resolveAndReceive(publish, bytes, from: session, io: &io)
    }

    /// A PUBLISH that was held until the session was saved, or its topic looked up.
    /// - Parameter isFound: it does not wait for its topic once more.
    mutating func receiveHeld(
        _ packet: [UInt8], from session: Int32, isFound: Bool = false, io: inout Connections
    ) throws(ProtocolError) {
        guard let header = try FixedHeader.read(packet.span, at: 0, packetBytesMax: packet.count) else {
            preconditionFailure("whole packets are held")
        }
        let publish = try Publish.decode(header, in: packet.span, at: 0, version: sessions[Int(session)].version)
        guard isFound || !waitsForTopic(publish, packet.indices, packet.span, session, io: &io) else { return }
        try resolveAndReceive(publish, packet.span, from: session, io: &io)
    }

    private mutating func resolveAndReceive(
        _ publish: Publish, _ bytes: Span<UInt8>, from session: Int32, io: inout Connections
    ) throws(ProtocolError) {
        guard publish.topicAlias != 0 else {
            try receive(publish, on: bytes.extracting(publish.topic), bytes, from: session, io: &io)
            return
        }
        let topic = try resolveAlias(publish, bytes, of: session)
        try receive(publish, on: topic.span, bytes, from: session, io: &io)
    }

    /// A topic alias is set by a packet that has both, and used by one with an empty topic (MQTT 5 §3.3.2.3.4).
    private mutating func resolveAlias(
        _ publish: Publish, _ bytes: Span<UInt8>, of session: Int32
    ) throws(ProtocolError) -> [UInt8] {
        let place = Int(session), alias = Int(publish.topicAlias)
        guard alias <= Limits.topicAliasMaximum else {
            throw ProtocolError(.topicAliasInvalid, "the topic alias is above the maximum")
        }
        if sessions[place].aliases.count < alias {
            let missing = alias - sessions[place].aliases.count
            sessions[place].aliases.append(contentsOf: repeatElement([], count: missing))
        }
        if !publish.topic.isEmpty {
            sessions[place].aliases[alias - 1] = [UInt8](span: bytes.extracting(publish.topic))
        }
        guard !sessions[place].aliases[alias - 1].isEmpty else {
            throw ProtocolError(.protocolError, "the topic alias has not been set")
        }
        return sessions[place].aliases[alias - 1]
    }

    private mutating func receive(
        _ publish: Publish, on topic: Span<UInt8>, _ bytes: Span<UInt8>, from session: Int32, io: inout Connections
    ) throws(ProtocolError) {
        let kind = classify(topic)
        do throws(Refusal) {
            switch kind {
            case .plain: try receivePlain(publish, on: topic, bytes, from: session, io: &io)
            case .typing, .read, .presence:
                try publishSignal(publish, on: topic, bytes, kind, from: session, io: &io)
            case .stored, .system, .reserved:
                try publishStored(publish, on: topic, bytes, kind, from: session, io: &io)
            }
        } catch {
            answer(publish, on: topic, bytes, error, session, io: &io)
        }
    }

    // MARK: Stored topics

    /// Checks the right and the message, and hands it to the log; the answer comes when it is committed.
    private mutating func publishStored(
        _ publish: Publish, on name: Span<UInt8>, _ bytes: Span<UInt8>, _ kind: TopicClass, from session: Int32,
        io: inout Connections
    ) throws(Refusal) {
        let right = try publishRight(kind, on: name, session), topic = right.topic
        var isText = false
        var clientRef: [UInt8]?
        if publish.hasForwardedProperties {
            // Decoding has been done once without error, so these are good.
            let properties = (try? PublishProperties.decode(publish.properties, in: bytes)) ?? PublishProperties()
            isText = properties.contentType.map { MessageAdmission.isPlainText($0) } ?? false
            clientRef = properties.userProperties.first { $0.name == Array("client_ref".utf8) }?.value
        }
        let admission = try MessageAdmission(
            payload: bytes.extracting(publish.payload), isText: isText, clientRef: clientRef)
        guard !right.isReactionsOnly || admission.kind == .reaction else { throw .announcementOnly }
        if let replyTo = admission.replyTo, !topics[Int(topic)].has(replyTo) { throw .notFound }
        let id = publishID(publish, of: session)
        let append = admission.append(
            to: topics[Int(topic)].topic, id: id, senderID: users[Int(sessions[Int(session)].user)].id,
            mayDeleteOthers: right.mayDeleteOthers)
        var token: UInt64 = 0
        if publish.qos != .atMostOnce {
            // Only 3.x is told later of what it sent; 5 gets a reason.
            let subject =
                sessions[Int(session)].version == .v5
                ? nil : RefusedEvent.Subject(topic: .stored(append.topic.address), clientRef: admission.clientRef)
            token = awaitOutcomes(1, of: publish, from: session, subject: subject)
        }
        guard hub.services.log.append(append, origin: .shard(index: index, token: token)) else {
            if token != 0 { resolve(token, .unavailable, io: &io) } else { hub.metrics.refused.add(1) }
            return
        }
        pauseIfAhead(session, io: &io)
        holdBackIfLoaded(session, io: &io)
    }

    /// The id of what is published; that of a QoS 2 exchange is the same at each attempt.
    func publishID(_ publish: Publish, of session: Int32) -> Int64 {
        guard publish.qos == .exactlyOnce, let id = sessions[Int(session)].inbound.entryID(of: publish.packetID) else {
            return hub.services.ids.next()
        }
        return id
    }

    /// 3.1.1 has no receive maximum: a client with too much under way is read no further until some is committed.
    mutating func pauseIfAhead(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        let isAhead = sessions[place].version != .v5 && sessions[place].waitingCount >= Int(Limits.receiveMaximum)
        if isAhead || sessions[place].held.publishBytes > Limits.heldBytesMax {
            io.pauseReading(sessions[place].slot)
        }
    }

    /// Each request costs a statement or two, and those of a session's subscriptions are written one after the other.
    func pauseIfAsking(_ session: Int32, io: inout Connections) {
        if sessions[Int(session)].requestsCount >= Limits.requestsMax { io.pauseReading(sessions[Int(session)].slot) }
    }

    // MARK: Back-pressure

    /// While much waits to be committed, who adds to it is read no further, at any QoS; nobody else notices. What they have sent already
    /// still finds room; only past that is a publish refused.
    mutating func holdBackIfLoaded(_ session: Int32, io: inout Connections) {
        guard hub.services.log.load == .heavy, !sessions[Int(session)].isHeldBack else { return }
        sessions[Int(session)].isHeldBack = true
        heldBack.append(sessionToken(session))
        io.pauseReading(sessions[Int(session)].slot)
    }

    mutating func releaseHeldBack(io: inout Connections) {
        guard !heldBack.isEmpty, hub.services.log.load == .light else { return }
        var tokens: [UInt64] = []
        swap(&tokens, &heldBack)
        for session in tokens.compactMap({ session(of: $0) }) {
            sessions[Int(session)].isHeldBack = false
            resumeReading(session, io: &io)
        }
    }

    // MARK: Rights

    struct PublishRight {
        var topic: Int32
        /// An announcement group, of which the user is no admin.
        var isReactionsOnly = false
        /// An admin of the group.
        var mayDeleteOthers = false
    }

    func publishRight(_ kind: TopicClass, _ session: Int32) throws(Refusal) -> PublishRight {
        let user = sessions[Int(session)].user
        guard user >= 0 else { throw .notAuthorized }
        switch kind {
        case .stored(.group(let group)):
            guard let right = users[Int(user)].groups[group] else { throw .notAMember }
            let isAdmin = right.role >= .admin
            return PublishRight(
                topic: right.topic, isReactionsOnly: topics[Int(right.topic)].isAnnouncement && !isAdmin,
                mayDeleteOthers: isAdmin)
        case .stored(.direct(let low, let high)):
            let id = users[Int(user)].id
            guard low == id || high == id, let right = users[Int(user)].directs[low == id ? high : low],
                right.isWritable
            else { throw .notFriends }
            return PublishRight(topic: right.topic)
        case .stored(.inbox), .stored(.filterLog), .typing, .read, .presence, .system: throw .notAuthorized
        case .reserved:
            throw Refusal("topic-invalid", "There is no such topic.", code: .topicNameInvalid, status: 404)
        case .plain: preconditionFailure("plain topics have their own way")
        }
    }

    // MARK: Answers

    /// The answer to a publish of QoS 1 or 2 waits for so many outcomes, each to be reported under the token by `resolve`.
    mutating func awaitOutcomes(
        _ count: Int, of publish: Publish, from session: Int32, isPlain: Bool = false,
        subject: RefusedEvent.Subject? = nil
    ) -> UInt64 {
        var answer = PendingAcknowledgements.Answer(publish)
        answer.isPlain = isPlain
        let serial = sessions[Int(session)].acknowledgements.append(answer, waits: count, subject: subject)
        return publishToken(session, serial)
    }

    /// Session, its generation and the serial of the packet, so that an outcome finds its way back or nowhere.
    private func publishToken(_ session: Int32, _ serial: UInt32) -> UInt64 {
        precondition(session < 1 << 20)
        return UInt64(sessions[Int(session)].generation) << 44 | UInt64(session) << 24 | UInt64(serial)
    }

    mutating func resolve(_ token: UInt64, _ outcome: AppendOutcome, io: inout Connections) {
        if errands.report(token, outcome) { return }
        let session = Int32(truncatingIfNeeded: token >> 24 & 0xF_FFFF)
        guard token != 0, session < sessions.count, UInt64(sessions[Int(session)].generation) == token >> 44,
            isLive(session)
        else { return }
        let place = Int(session), serial = UInt32(token & 0xFF_FFFF)
        guard var answer = sessions[place].acknowledgements.waiting(serial) else { return }
        let wasRefused = answer.verdict.refusal != nil
        switch outcome {
        case .committed(let seq, let id), .repeated(let seq, let id):
            // Where a plain message stands in the logs of filters is nobody's business.
            guard !answer.isPlain else { break }
            answer.seq = seq
            answer.id = id
        // A QoS 2 exchange that went on with another payload is still the same message (MQTT 5 §4.3.3).
        case .clientRefReused where answer.isExactlyOnce: break
        case .clientRefReused: answer.refuse(.clientRefReused)
        // The log of a filter that nobody has any more: nobody needs the message.
        case .topicGone where answer.isPlain: break
        case .topicGone: answer.refuse(.notAMember)
        case .flawed(let flaw): answer.refuse(Refusal(flaw))
        case .attachmentMissing: answer.refuse(.notFound)
        case .unavailable:
            // It may be stored nevertheless. An error would end the exchange, and what comes again would be another message.
            let isExactlyOnce = answer.isExactlyOnce && sessions[place].isPersistent
            guard sessions[place].version == .v5, !isExactlyOnce else {
                blockPublisher(session, io: &io)
                return
            }
            answer.refuse(.unavailable)
        }
        if !wasRefused, let refusal = answer.verdict.refusal {
            hub.metrics.refused.add(1)
            if let subject = sessions[place].acknowledgements.subject(serial) {
                tell(RefusedEvent(subject, problem: refusal.name), to: session, io: &io)
            }
        }
        sessions[place].acknowledgements.resolve(serial, answer)
        sendReadyAnswers(session, io: &io)
    }

    /// 3.1.1 cannot say "not now": the client gets no answer, is read no further, and loses its connection (protocol.md §3). In MQTT 5 it is
    /// told why, at once.
    private mutating func blockPublisher(_ session: Int32, io: inout Connections) {
        guard !sessions[Int(session)].acknowledgements.isBlocked else { return }
        sessions[Int(session)].acknowledgements.block()
        io.pauseReading(sessions[Int(session)].slot)
        let wait = sessions[Int(session)].version == .v5 ? 0 : Limits.unavailableMilliseconds
        io.setDeadline(sessions[Int(session)].slot, at: io.now + wait)
    }

    /// Answers a publish that needs no commit, in its turn.
    mutating func answer(
        _ publish: Publish, on topic: Span<UInt8>, _ bytes: Span<UInt8>, _ refusal: Refusal?, _ session: Int32,
        io: inout Connections
    ) {
        if let refusal {
            hub.metrics.refused.add(1)
            if sessions[Int(session)].version != .v5 {
                let payload = bytes.extracting(publish.payload)
                let subject = RefusedEvent.Subject(
                    topic: .named([UInt8](span: topic)), clientRef: RefusedEvent.clientRef(in: payload))
                tell(RefusedEvent(subject, problem: refusal.name), to: session, io: &io)
            }
        }
        guard publish.qos != .atMostOnce else { return }
        var answer = PendingAcknowledgements.Answer(publish)
        if let refusal { answer.refuse(refusal) }
        if sessions[Int(session)].acknowledgements.isEmpty {
            write(answer, to: session, io: &io)
        } else {
            sessions[Int(session)].acknowledgements.append(ready: answer)
            pauseIfAhead(session, io: &io)
        }
    }

    /// 3.1.1 cannot say no in PUBACK: the publisher's inbox tells it, if it listens there.
    private mutating func tell(_ event: RefusedEvent, to session: Int32, io: inout Connections) {
        let user = sessions[Int(session)].user
        guard user >= 0, users[Int(user)].isReady, coverage(of: users[Int(user)].inbox, by: session) != nil else {
            return
        }
        scratch.removeAll(keepingCapacity: true)
        ServerPacket.encodePublish(
            into: &scratch, version: sessions[Int(session)].version, topic: topics[Int(users[Int(user)].inbox)].name,
            payload: event.json, qos: .atMostOnce, retain: false)
        appendPublish(scratch, to: session, slot: sessions[Int(session)].slot, takesAliases: false, io: &io)
    }

    private mutating func sendReadyAnswers(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        while let answer = sessions[place].acknowledgements.popReady() { write(answer, to: session, io: &io) }
        resumeReading(session, io: &io)
    }

    /// Reads on, unless there is still a reason not to.
    mutating func resumeReading(_ session: Int32, io: inout Connections) {
        let place = Int(session), slot = sessions[place].slot
        guard !sessions[place].acknowledgements.isBlocked, !sessions[place].isHeldBack, !sessions[place].isThrottled,
            sessions[place].aheadOf == 0, !sessions[place].opened.isWaiting,
            sessions[place].waitingCount < Int(Limits.receiveMaximum) / 2,
            sessions[place].requestsCount <= Limits.requestsMax / 2,
            sessions[place].held.publishBytes <= Limits.heldBytesMax / 2, !io.isCongested(slot)
        else { return }
        io.resumeReading(slot)
    }

    private mutating func write(_ answer: PendingAcknowledgements.Answer, to session: Int32, io: inout Connections) {
        let place = Int(session), isVersion5 = sessions[place].version == .v5
        let refusal = answer.verdict.refusal
        if answer.isExactlyOnce {
            // 3.1.1 cannot say no, and its client goes on with PUBREL.
            sessions[place].inbound.answer(answer.packetID, isRefused: refusal != nil && isVersion5)
        }
        var properties: [UInt8] = []
        if isVersion5, sessions[place].wantsProblemInformation {
            if let refusal {
                properties.appendProperty(.reasonString, text: refusal.name)
                properties.appendUserProperty("detail", refusal.detail)
            }
            if answer.seq != 0 {
                properties.appendUserProperty("seq", answer.seq)
                properties.appendUserProperty("id", answer.id)
            }
            if properties.count + 8 > sessions[place].packetBytesMax { properties = [] }
        }
        scratch.removeAll(keepingCapacity: true)
        ServerPacket.encodeAcknowledgement(
            answer.isExactlyOnce ? .pubrec : .puback, into: &scratch, version: sessions[place].version,
            packetID: answer.packetID, reason: refusal?.code ?? .success,
            properties: properties)
        io.append(scratch.span, to: sessions[place].slot)
    }
}

extension PendingAcknowledgements.Answer {
    /// To a publish that goes well.
    init(_ publish: Publish) {
        self.init(packetID: publish.packetID, isExactlyOnce: publish.qos == .exactlyOnce)
    }

    mutating func refuse(_ refusal: Refusal) { verdict = .refused(refusal) }
}
