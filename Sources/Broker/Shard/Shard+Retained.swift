import MQTT
import Persistence
import Topics
import Transport

// Retained messages of plain topics (MQTT 5 §3.3.1.3): written by all shards through one writer, read from the database when somebody
// subscribes, page by page as far as the client can take them.
extension Shard {
    // MARK: Publishing

    /// Makes a message the one that its topic keeps; an empty payload removes that. To be called before it is delivered.
    /// - Parameter token: gets the outcome after the commit; 0: nobody waits for it.
    /// - Returns: false: it can't be taken now, and the token is told.
    @discardableResult
    mutating func retain(_ message: PlainMessage, token: UInt64) -> Bool {
        var properties = message.forwarded
        if message.expiresAt != 0 { PublishProperties.removeExpiry(from: &properties) }
        let retained = RetainedMessage(
            topic: message.topic, payload: message.payload, qos: message.qos.rawValue, properties: properties,
            expiresAt: message.expiresAt)
        if hub.retained.put(retained, shard: index, token: token) { return true }
        if token == 0 {
            hub.metrics.refused.add(1)
        } else {
            hub.mailroom.outcomes([(token, .unavailable)], forShard: index)
        }
        return false
    }

    // MARK: Subscribing

    /// What a granted filter asks for, if it asks for retained messages [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11].
    func retainedRequest(_ entry: Subscribe.Entry, identifier: UInt32, isNew: Bool) -> RetainedReplay.Request? {
        switch entry.options.retainHandling {
        case .doNotSend: return nil
        case .sendIfNew where !isNew: return nil
        case .sendIfNew, .sendAtSubscribe: break
        }
        guard let filter = try? TopicFilter(validating: entry.filter), !filter.isShared, filter.reachesPlain else {
            return nil
        }
        return RetainedReplay.Request(filter: filter, qos: entry.options.qos, identifier: identifier)
    }

    func isSubscribed(_ filter: [UInt8], _ session: Int32) -> Bool {
        sessions[Int(session)].subscriptions.contains { $0.filter.bytes == filter }
    }

    func isAcknowledged(_ filter: [UInt8], _ session: Int32) -> Bool {
        sessions[Int(session)].subscriptions.first { $0.filter.bytes == filter }?.options.qos.isAcknowledged ?? false
    }

    /// SUBACK is sent: its retained messages follow.
    mutating func replayRetained(_ requests: [RetainedReplay.Request], to session: Int32, io: inout Connections) {
        let place = Int(session)
        var last: UInt64?
        for request in requests where isSubscribed(request.filter.bytes, session) {
            last = sessions[place].retained.add(request)
        }
        guard let last else { return }
        let round = retainedReads.beginRound(
            sessionToken(session), last, shards: hub.mailroom.shardCount, hub.retained.beginRead())
        hub.mailroom.postToOthers(.retainedFence(round, from: index), from: index)
        retainedFenceAnswered(round, by: index, lastPut: hub.retained.lastPut, io: &io)
    }

    /// Whatever was posted here before is handled, above all that there is a new subscription.
    func answerRetainedFence(_ round: UInt64, from shard: Int) {
        hub.mailroom.post(.retainedFenceAnswered(round, by: index, lastPut: hub.retained.lastPut), to: shard)
    }

    /// A message that another shard has not sent here, since it did not know of the subscription yet, must be found as a retained one: it is in
    /// the writer by now, and once that is settled, in the database. Later ones come from everywhere.
    mutating func retainedFenceAnswered(_ round: UInt64, by shard: Int, lastPut: UInt64, io: inout Connections) {
        guard let ready = retainedReads.answered(round, by: shard, lastPut: lastPut),
            let session = session(of: ready.session)
        else { return }
        guard hub.retained.mayHaveAny else {
            sessions[Int(session)].retained.discard(upTo: ready.serial)
            return
        }
        sessions[Int(session)].retained.ready(upTo: ready.serial, ready.fence)
        continueRetained(session, io: &io)
    }

    // MARK: Reading

    /// Goes on with a session's retained messages if it can take some.
    mutating func continueRetained(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        guard !sessions[place].retained.isReading, !sessions[place].retained.isIdle else { return }
        // Not a read for each message that is acknowledged.
        let roomMin = min(sessions[place].receiveMaximum / 2 + 1, Limits.retainedWindowMin)
        guard retainedRoom(session, io: &io) >= min(sessions[place].retained.nextCount, roomMin) else { return }
        sessions[place].retained.isReading = true
        retainedReads.queue(sessionToken(session))
        startRetainedReads(io: &io)
    }

    /// How many messages it can take. Live messages that wait come first: they can't be read again.
    private func retainedRoom(_ session: Int32, io: inout Connections) -> Int {
        let place = Int(session)
        guard !io.isCongested(sessions[place].slot) else { return 0 }
        guard sessions[place].retained.nextQoS.isAcknowledged else { return Limits.retainedMessagesMax }
        guard sessions[place].queue.isEmpty, !sessions[place].kept.isFull else { return 0 }
        return min(sessions[place].window, Limits.retainedMessagesMax)
    }

    mutating func startRetainedReads(io: inout Connections) {
        guard io.now >= retainedReads.pausedUntil else { return }
        while retainedReads.runningCount < Limits.retainedReadsMax, startRetainedRead(io: &io) {}
    }

    /// One read, for as many of the waiting sessions as fit into it.
    private mutating func startRetainedRead(io: inout Connections) -> Bool {
        var topics: [[UInt8]] = []
        var isKnown: Set<[UInt8]> = []
        var readers: [UInt64] = []
        var messagesCount = 0
        var mustSettle = false
        while let token = retainedReads.next, messagesCount < Limits.retainedMessagesMax {
            guard let session = session(of: token) else {
                retainedReads.removeNext()
                continue
            }
            let place = Int(session), room = retainedRoom(session, io: &io)
            let step = room > 0 ? sessions[place].retained.nextStep(limit: room) : .nothing
            if case .topics = step, !readers.isEmpty { break }
            retainedReads.removeNext()
            if step != .nothing, sessions[place].retained.mustSettle {
                sessions[place].retained.mustSettle = false
                mustSettle = true
            }
            switch step {
            case .nothing: sessions[place].retained.isReading = false
            case .topics(let walk):
                readRetainedTopics(walk, for: token, mustSettle: mustSettle)
                return true
            case .messages(let wanted):
                for topic in wanted where isKnown.insert(topic).inserted { topics.append(topic) }
                messagesCount += wanted.count
                readers.append(token)
            }
        }
        guard !readers.isEmpty else { return false }
        readRetained(topics, for: readers, mustSettle: mustSettle)
        return true
    }

    private mutating func readRetainedTopics(_ walk: RetainedReplay.Walk, for session: UInt64, mustSettle: Bool) {
        retainedReads.runningCount += 1
        Task { [hub, index] in
            if mustSettle { await hub.retained.settled() }
            let found = await hub.retained.topics(walk)
            let content = found.map { RetainedAnswer.Content.topics(serial: walk.serial, $0) } ?? .failure
            hub.mailroom.post(.retainedRead(RetainedAnswer(sessions: [session], content: content)), to: index)
        }
    }

    private mutating func readRetained(_ topics: [[UInt8]], for sessions: [UInt64], mustSettle: Bool) {
        retainedReads.runningCount += 1
        Task { [hub, index] in
            if mustSettle { await hub.retained.settled() }
            let read = hub.retained.beginRead()
            let page = await hub.retained.read(topics)
            let content = page.map { RetainedAnswer.Content.messages(of: topics, $0, read) } ?? .failure
            hub.mailroom.post(.retainedRead(RetainedAnswer(sessions: sessions, content: content)), to: index)
        }
    }

    mutating func retainedRead(_ answer: RetainedAnswer, io: inout Connections) {
        retainedReads.runningCount -= 1
        switch answer.content {
        // Nobody is told anything wrong by waiting, and a client that only uses MQTT does not need the database for more.
        case .failure: retainedReads.pausedUntil = io.now + Limits.retainedPauseMilliseconds
        case .topics(let serial, let page):
            for session in answer.sessions.compactMap({ session(of: $0) }) {
                sessions[Int(session)].retained.walked(serial, page)
            }
        case .messages(let topics, let page, let read):
            let answered = topics.prefix(page.answeredCount)
            if let newest = hub.retained.newest(of: answered, found: page.messages, read) {
                let known = Set(answered)
                for session in answer.sessions.compactMap({ session(of: $0) }) {
                    deliverRetained(newest, of: known, to: session, io: &io)
                }
            }
        }
        for session in answer.sessions.compactMap({ session(of: $0) }) {
            sessions[Int(session)].retained.isReading = false
            continueRetained(session, io: &io)
        }
        startRetainedReads(io: &io)
    }

    // MARK: Delivering

    /// - Parameters:
    ///   - messages: by topic.
    ///   - known: the topics that were asked for.
    private mutating func deliverRetained(
        _ messages: [[UInt8]: RetainedOverlay.Put], of known: Set<[UInt8]>, to session: Int32, io: inout Connections
    ) {
        let place = Int(session), now = hub.services.wallMilliseconds()
        while let next = sessions[place].retained.next(in: known), retainedRoom(session, io: &io) > 0 {
            sessions[place].retained.advance()
            guard let put = messages[next.topic], put.message.expiresAt == 0 || put.message.expiresAt > now,
                !sessions[place].retained.isLive(put, for: next.request),
                sessions[place].rules.mayReceive(next.topic.span)
            else { continue }
            send(put.message, for: next.request, to: session, now: now, io: &io)
        }
    }

    private mutating func send(
        _ message: RetainedMessage, for request: RetainedReplay.Request, to session: Int32, now: Int64,
        io: inout Connections
    ) {
        let place = Int(session)
        guard let retainedQoS = QoS(rawValue: message.qos) else { preconditionFailure("only valid QoS are stored") }
        let qos = QoS.lower(retainedQoS, request.qos)
        var properties = DeliveryProperties(forwarded: message.properties)
        if request.identifier != 0 { properties.subscriptionIDs = [request.identifier] }
        if message.expiresAt != 0 {
            // What is left, begun seconds counted as whole ones [MQTT-3.3.2-6].
            properties.messageExpirySeconds = UInt32(clamping: (message.expiresAt - now + 999) / 1_000)
        }
        var frame: [UInt8] = []
        let offset = ServerPacket.encodePublish(
            into: &frame, version: sessions[place].version, topic: message.topic.span, payload: message.payload.span,
            qos: qos, retain: true, properties: properties)
        // Too large for this client: as if it had been delivered [MQTT-3.1.2-25].
        guard frame.count <= sessions[place].packetBytesMax else { return }
        guard qos.isAcknowledged else {
            appendPublish(frame, to: session, io: &io)
            return
        }
        send(frame, packetIDAt: offset, qos, cursor: -1, seq: 0, isKept: true, to: session, io: &io)
    }
}
