import MQTT
import Persistence
import Topics
import Transport

// Signals: typing, read receipts, presence. They are told to whom they concern and not kept.
extension Shard {
    // MARK: Publishing

    /// - Parameter kind: a conversation's `typing` or `read`, or a presence.
    mutating func publishSignal(
        _ publish: Publish, on topic: Span<UInt8>, _ bytes: Span<UInt8>, _ kind: TopicClass, from session: Int32,
        io: inout Connections
    ) throws(Refusal) {
        let user = sessions[Int(session)].user
        guard user >= 0 else { throw .notAuthorized }
        let payload = bytes.extracting(publish.payload)
        switch kind {
        case .typing(let address):
            let right = try publishRight(.stored(address), session)
            guard !right.isReactionsOnly else { throw .announcementOnly }
            type(try SignalPayload.typing(payload), in: right.topic, from: session, io: &io)
        case .read(let address):
            guard let index = readableTopic(address, user) else { throw .notAMember }
            let seq = try SignalPayload.read(payload)
            let token = publish.qos == .atMostOnce ? 0 : awaitOutcomes(1, of: publish, from: session, isPlain: true)
            markRead(topics[Int(index)].topic, upTo: seq, by: users[Int(user)].id, token: token)
            pauseIfAhead(session, io: &io)
            return
        case .presence(let owner):
            guard owner == users[Int(user)].id else { throw .notAuthorized }
            setPresence(try SignalPayload.presence(payload), of: session)
        case .stored, .system, .reserved, .plain: preconditionFailure("no signal")
        }
        answer(publish, on: topic, bytes, nil, session, io: &io)
    }

    /// Above 100 members nobody wants to know. A repeated state within 2 s is dropped; a change passes at once.
    private mutating func type(_ state: TypingState, in index: Int32, from session: Int32, io: inout Connections) {
        let user = users[Int(sessions[Int(session)].user)].id
        guard topics[Int(index)].memberCount <= Limits.signalMembersMax,
            topics[Int(index)].mayTell(state, by: user, now: io.now)
        else { return }
        let topic = topics[Int(index)].topic, key = sessions[Int(session)].key
        tell(Signal(typing: state, in: topic, from: user, key, now: hub.services.wallMilliseconds()), io: &io)
    }

    /// The watermark is stored, then told.
    private func markRead(_ topic: StoredTopic, upTo seq: Int64, by user: Int64, token: UInt64) {
        Task { [hub, index] in
            let outcome: AppendOutcome
            do {
                try await hub.services.reads.markRead(topic, upTo: seq, by: user)
                outcome = .committed(seq: 0, id: 0)
            } catch {
                hub.services.logger.warning("a read mark could not be stored: \(error)")
                outcome = .unavailable
            }
            if token != 0 { hub.mailroom.outcomes([(token, outcome)], forShard: index) }
        }
    }

    /// A watermark has moved. Above 100 members only the reader's own sessions are told.
    mutating func apply(_ receipt: ReadReceipt, io: inout Connections) {
        guard let index = topicIndex[receipt.topic.id] else { return }
        let isPrivate = topics[Int(index)].memberCount > Limits.signalMembersMax
        deliver(Signal(receipt, isPrivate: isPrivate), io: &io)
    }

    // MARK: Delivering

    /// On all shards.
    private mutating func tell(_ signal: Signal, io: inout Connections) {
        hub.mailroom.postToOthers(.signal(signal), from: index)
        deliver(signal, io: &io)
    }

    mutating func deliver(_ signal: Signal, io: inout Connections) {
        var concerned: [Int32] = []
        switch signal.audience {
        case .readers(let topicID):
            guard let topic = topicIndex[topicID] else { return }
            concerned = topics[Int(topic)].readers
        case .user(let id): concerned = userIndex[id].map { [$0] } ?? []
        case .friends(let friends):
            concerned = ([signal.from] + friends).compactMap { userIndex[$0] }.filter {
                mayReadPresence(of: signal.from, $0)
            }
        }
        frames.reset()
        for user in concerned {
            for session in users[Int(user)].sessions where sessions[Int(session)].key != signal.publisher {
                deliver(signal, to: session, retain: false, io: &io)
            }
        }
    }

    /// If a filter of the session matches.
    mutating func deliver(_ signal: Signal, to session: Int32, retain: Bool, io: inout Connections) {
        let matching = sessions[Int(session)].subscriptions.filter {
            !$0.filter.isShared && $0.filter.matches(signal.name.span)
        }
        guard !matching.isEmpty else { return }
        sendVolatile(
            signal.name, signal.payload, to: session,
            retain: retain || signal.isRetained && matching.contains { $0.options.retainAsPublished },
            matching.map(\.identifier).filter { $0 != 0 }, io: &io)
    }

    /// At QoS 0: the next value is better than this one twice.
    mutating func sendVolatile(
        _ topic: [UInt8], _ payload: [UInt8], to session: Int32, retain: Bool, _ identifiers: [UInt32],
        io: inout Connections
    ) {
        let place = Int(session)
        let form = FrameSet.Form(isVersion5: sessions[place].version == .v5, qos: .atMostOnce, retain: retain)
        var frame: [UInt8] = []
        if identifiers.isEmpty || !form.isVersion5 {
            let index = frames.form(form, topic: topic.span, payload: payload.span, forwarded: [])
            frame = frames.frames[index]
        } else {
            var properties = DeliveryProperties()
            properties.subscriptionIDs = identifiers
            ServerPacket.encodePublish(
                into: &frame, version: .v5, topic: topic, payload: payload, qos: .atMostOnce, retain: retain,
                properties: properties)
        }
        guard frame.count <= sessions[place].packetBytesMax else { return }
        guard !io.isCongested(sessions[place].slot) else {
            hub.metrics.dropped.add(1)
            return
        }
        appendPublish(
            frame, to: session, slot: sessions[place].slot, takesAliases: sessions[place].takesAliases, io: &io)
    }

    // MARK: Presence

    /// A session is there, or says what it is.
    mutating func setPresence(_ status: Presence.Status, of session: Int32) {
        let place = Int(session)
        guard sessions[place].user >= 0 else { return }
        hub.tell(
            hub.presence.set(
                status, of: sessions[place].key.userID, sessions[place].claim.serial,
                friends: friends(of: sessions[place].user), now: hub.services.wallMilliseconds()))
    }

    /// To be called while the user's rights are still there.
    func removePresence(of session: Int32, isClean: Bool) {
        let place = Int(session)
        guard sessions[place].user >= 0 else { return }
        hub.tell(
            hub.presence.remove(
                sessions[place].claim.serial, of: sessions[place].key.userID, isClean: isClean,
                friends: friends(of: sessions[place].user), now: hub.services.wallMilliseconds()))
    }

    private func friends(of user: Int32) -> [Int64] {
        users[Int(user)].directs.filter(\.value.isWritable).map(\.key)
    }

    func mayReadPresence(of other: Int64, _ user: Int32) -> Bool {
        other == users[Int(user)].id || users[Int(user)].directs[other]?.isWritable == true
    }

    /// SUBACK is sent: the last values of those whose presence the new filters cover follow, as retained messages do.
    mutating func replayPresence(_ filters: [TopicFilter], to session: Int32) {
        let user = sessions[Int(session)].user
        guard user >= 0, !filters.isEmpty else { return }
        let concerned = ([users[Int(user)].id] + friends(of: user)).filter { id in
            let name = Array("presence/\(id)".utf8)
            return filters.contains { $0.matches(name.span) }
        }
        askForPresences(of: sessions[Int(session)].presenceQuestions.want(concerned), for: session)
    }

    private func askForPresences(of users: [Int64], for session: Int32) {
        guard !users.isEmpty else { return }
        let token = sessionToken(session)
        Task { [hub, index] in
            hub.mailroom.post(.presences(session: token, await hub.presences(of: users)), to: index)
        }
    }

    mutating func deliver(_ presences: [Signal], to token: UInt64, io: inout Connections) {
        guard let session = session(of: token) else { return }
        askForPresences(of: sessions[Int(session)].presenceQuestions.answered(), for: session)
        for signal in presences where mayReadPresence(of: signal.from, sessions[Int(session)].user) {
            frames.reset()
            deliver(signal, to: session, retain: true, io: &io)
        }
    }
}

extension Hub {
    /// Tells friends on all shards, and keeps when somebody was last seen.
    func tell(_ change: PresenceBoard.Change?) {
        guard let change else { return }
        let now = services.wallMilliseconds()
        let signal = Signal(change.presence, of: change.user, to: change.friends, now: now)
        for shard in 0..<mailroom.shardCount { mailroom.post(.signal(signal), to: shard) }
        guard change.presence.status == .offline, let lastSeen = change.presence.lastSeenAt else { return }
        Task {
            do {
                try await services.reads.noteLastSeen(change.user, at: lastSeen)
            } catch {
                services.logger.warning("when user \(change.user) was last seen could not be stored: \(error)")
            }
        }
    }

    /// Of each of them, from memory, else from the database; those who were never there are left out.
    func presences(of users: [Int64]) async -> [Signal] {
        let now = services.wallMilliseconds()
        var found: [Int64: Presence] = [:]
        for user in users { found[user] = presence.presence(of: user, now: now) }
        let absent = users.filter { found[$0] == nil }
        if !absent.isEmpty {
            do {
                for (user, seen) in try await services.reads.lastSeen(of: absent) {
                    found[user] = Presence(status: .offline, lastSeenAt: seen)
                }
            } catch {
                services.logger.warning("presences could not be read: \(error)")
            }
        }
        return found.sorted { $0.key < $1.key }.map { Signal($0.value, of: $0.key, to: [], now: now) }
    }
}
