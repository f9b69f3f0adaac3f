import MQTT
import Memory
import Topics
import Transport

// Plain topics: MQTT to the letter, payload untouched.
extension Shard {
    // MARK: Publishing

    /// A PUBLISH from a client: checks the right and delivers.
    mutating func receivePlain(
        _ publish: Publish, on topic: Span<UInt8>, _ bytes: Span<UInt8>, from session: Int32, io: inout Connections
    ) throws(Refusal) {
        guard publish.hasValidPayload(in: bytes) else {
            throw .invalidPayload("the payload is not the UTF-8 that it claims to be")
        }
        findRoute(topic, for: session)
        guard sessions[Int(session)].route.mayPublish else { throw .notAuthorized }
        let place = Int(session)
        let isFirst = publish.qos != .exactlyOnce || !sessions[place].inbound.isPublished(publish.packetID)
        guard publish.retain || !sessions[place].route.isLocal else {
            if isFirst {
                if publish.qos == .exactlyOnce { sessions[place].inbound.notePublished(publish.packetID) }
                if sessions[place].route.shards != 0 { handOver(publish, bytes, from: session, io: &io) }
                deliverHere(publish, on: topic, bytes, from: session, io: &io)
            }
            answer(publish, on: topic, bytes, nil, session, io: &io)
            return
        }
        let message = message(publish, bytes, from: session)
        let logs = publish.qos.isAcknowledged ? sessions[place].route.logs : []
        let waits = publish.qos.isAcknowledged ? logs.count + (publish.retain ? 1 : 0) : 0
        let token = waits > 0 ? awaitOutcomes(waits, of: publish, from: session, isPlain: true) : 0
        let id = publishID(publish, of: session)
        let isKept = keep(message, id: id, logs, token: token, io: &io)
        if isFirst, isKept || token == 0 {
            if publish.qos == .exactlyOnce { sessions[place].inbound.notePublished(publish.packetID) }
            let entryID = logs.isEmpty ? 0 : id
            handOver(message, entryID, along: sessions[place].route)
            deliverHere(publish, on: topic, bytes, from: session, io: &io)
            noteLive(entryID, logs)
            if busyShards != 0 { holdBackIfAhead(session, of: sessions[place].route.allShards, io: &io) }
        }
        if token == 0 { answer(publish, on: topic, bytes, nil, session, io: &io) }
        pauseIfAhead(session, io: &io)
        if !logs.isEmpty { holdBackIfLoaded(session, io: &io) }
    }

    /// Publishes what doesn't come in a client's PUBLISH. Its sender's right has been checked; No Local can't apply.
    /// - Parameter then: called once it is kept where it has to be; false: it could not be kept, and may be published again.
    mutating func publish(
        _ message: PlainMessage, id: Int64, io: inout Connections, then: @escaping @Sendable (Bool) -> Void
    ) {
        let route = makeRoute(message.topic.span)
        let logs = message.qos.isAcknowledged ? route.logs : []
        let waits = logs.count + (message.retain ? 1 : 0)
        let token = waits > 0 ? errands.begin(waits: waits, then) : 0
        if keep(message, id: id, logs, token: token, io: &io) {
            let entryID = logs.isEmpty ? 0 : id
            handOver(message, entryID, along: route)
            deliver(message, along: route, io: &io)
            noteLive(entryID, logs)
        }
        if waits == 0 { then(true) }
    }

    /// Messages from another shard. No Local can't apply: their publishers are there.
    mutating func deliver(_ batch: PlainBatch, io: inout Connections) {
        var route = Route()
        for message in batch.messages {
            let topic = batch.topics[Int(message.topic)]
            if route.topic != topic { route = self.route(of: topic) }
            deliver(
                topic.span, batch.bytes.span.extracting(message.payload), qos: message.qos, retain: message.retain,
                forwarded: Array(batch.bytes[message.forwarded]), expiresAt: message.expiresAt, along: route, io: &io)
            noteLive(message.entryID, route.logs)
        }
    }

    /// A PUBLISH, whose route was found, as a value that outlives the read buffer.
    private func message(
        _ publish: Publish, _ bytes: Span<UInt8>, from session: Int32
    ) -> PlainMessage {
        var message = PlainMessage(
            topic: sessions[Int(session)].route.topic, payload: [UInt8](span: bytes.extracting(publish.payload)),
            qos: publish.qos,
            retain: publish.retain, forwarded: [])
        publish.appendForwardedProperties(to: &message.forwarded, in: bytes)
        message.expiresAt =
            Expiry(seconds: publish.messageExpirySeconds, now: hub.services.wallMilliseconds()).expiresAt
        message.publisher = sessions[Int(session)].key
        return message
    }

    /// Stores what has to outlive its publishing: the retained message, entries for persistent sessions.
    /// - Parameter token: gets an outcome for each; 0: nobody waits for them.
    /// - Returns: false: it can't be taken now, and is not to be delivered either.
    private mutating func keep(
        _ message: PlainMessage, id: Int64, _ logs: [Int64], token: UInt64, io: inout Connections
    ) -> Bool {
        if message.retain, !retain(message, token: token) {
            for _ in logs where token != 0 { resolve(token, .unavailable, io: &io) }
            return false
        }
        append(message, id: id, to: logs, token: token, io: &io)
        return true
    }

    /// To the other shards with matching filters, and to shared subscriptions.
    private mutating func handOver(_ message: PlainMessage, _ entryID: Int64, along route: Route) {
        for shard in outgoing.indices where route.shards & 1 << UInt64(shard) != 0 {
            outgoing[shard].append(
                topic: message.topic, payload: message.payload.span, forwarded: message.forwarded, qos: message.qos,
                retain: message.retain, expiresAt: message.expiresAt, entryID: entryID)
            noteOutgoing(shard)
        }
        share(message, among: route.shares)
    }

    /// A PUBLISH, whose route was found, straight from the read buffer to the other shards with matching filters.
    private mutating func handOver(
        _ publish: Publish, _ bytes: Span<UInt8>, from session: Int32, io: inout Connections
    ) {
        var forwarded: [UInt8] = []
        if publish.hasForwardedProperties { publish.appendForwardedProperties(to: &forwarded, in: bytes) }
        let expiry = Expiry(seconds: publish.messageExpirySeconds, now: hub.services.wallMilliseconds())
        let shards = sessions[Int(session)].route.shards
        for shard in outgoing.indices where shards & 1 << UInt64(shard) != 0 {
            outgoing[shard].append(
                topic: sessions[Int(session)].route.topic, payload: bytes.extracting(publish.payload),
                forwarded: forwarded, qos: publish.qos, retain: publish.retain, expiresAt: expiry.expiresAt)
            noteOutgoing(shard)
        }
        holdBackIfAhead(session, of: shards, io: &io)
    }

    /// To this shard's sessions; the route is found.
    private mutating func deliverHere(
        _ publish: Publish, on topic: Span<UInt8>, _ bytes: Span<UInt8>, from session: Int32, io: inout Connections
    ) {
        var targets = sessions[Int(session)].route.targets
        guard !targets.isEmpty else { return }
        var forwarded: [UInt8] = []
        if publish.hasForwardedProperties { publish.appendForwardedProperties(to: &forwarded, in: bytes) }
        let expiry = Expiry(seconds: publish.messageExpirySeconds, now: hub.services.wallMilliseconds())
        var identifiers = sessions[Int(session)].route.identifiers
        if sessions[Int(session)].route.mixesNoLocal { leaveOutNoLocal(of: session, topic, &targets, &identifiers) }
        frames.reset()
        let isLogged = publish.qos.isAcknowledged
        for target in targets
        where !(target.noLocal && target.session == session) && !(isLogged && target.isLogged) {
            deliver(
                topic, bytes.extracting(publish.payload), qos: publish.qos, retain: publish.retain,
                forwarded: forwarded, expiry, to: target, identifiers, io: &io)
        }
    }

    private mutating func deliver(_ message: PlainMessage, along route: Route, io: inout Connections) {
        deliver(
            message.topic.span, message.payload.span, qos: message.qos, retain: message.retain,
            forwarded: message.forwarded, expiresAt: message.expiresAt, along: route, io: &io)
    }

    private mutating func deliver(
        _ topic: Span<UInt8>, _ payload: Span<UInt8>, qos: QoS, retain: Bool, forwarded: [UInt8], expiresAt: Int64,
        along route: Route, io: inout Connections
    ) {
        guard let expiry = Expiry(handedOver: expiresAt, now: hub.services.wallMilliseconds()) else { return }
        frames.reset()
        let isLogged = qos.isAcknowledged
        for target in route.targets where !(isLogged && target.isLogged) {
            deliver(
                topic, payload, qos: qos, retain: retain, forwarded: forwarded, expiry, to: target, route.identifiers,
                io: &io)
        }
    }

    // MARK: Routes

    /// Brings the session's route up to date: a run of messages to one topic is matched and authorised once.
    private mutating func findRoute(_ topic: Span<UInt8>, for session: Int32) {
        let place = Int(session)
        if sessions[place].route.generation == subscriptions.generation, isEqual(sessions[place].route.topic, topic) {
            return
        }
        let mayPublish = sessions[place].rules.mayPublish(topic)
        var route = Route()
        if mayPublish {
            route = self.route(of: [UInt8](span: topic))
        } else {
            route.topic = [UInt8](span: topic)
            route.generation = subscriptions.generation
        }
        route.mayPublish = mayPublish
        sessions[place].route = route
    }

    /// From the cache, so that all who publish to a topic share what it leads to.
    private mutating func route(of topic: [UInt8]) -> Route {
        let generation = subscriptions.generation
        if let route = routes.route(of: topic, generation: generation) { return route }
        var route = makeRoute(topic.span)
        route.topic = topic
        route.generation = generation
        routes.keep(route)
        return route
    }

    private func isEqual(_ bytes: [UInt8], _ span: Span<UInt8>) -> Bool {
        guard bytes.count == span.count else { return false }
        for index in bytes.indices where bytes[index] != span[index] { return false }
        return true
    }

    /// One target per session, with the highest QoS of its matching filters and all their identifiers [MQTT-3.3.5-1].
    private mutating func makeRoute(_ topic: Span<UInt8>) -> Route {
        var route = Route()
        var places: [Int32: Int] = [:]
        for subscription in subscriptions.match(topic) {
            if Self.isLog(subscription.session) {
                route.logs.append(logTopic(subscription.session).id)
                continue
            }
            if subscription.session < 0 {
                if subscription.shareGroup != 0 {
                    add(subscription, to: &route.shares)
                    continue
                }
                route.shards |= 1 << UInt64(-1 - subscription.session)
                continue
            }
            guard sessions[Int(subscription.session)].rules.mayReceive(topic) else { continue }
            let qos = QoS(rawValue: subscription.options.qos) ?? .atMostOnce
            let place: Int
            if let found = places[subscription.session] {
                place = found
                if route.targets[place].noLocal != subscription.options.noLocal { route.mixesNoLocal = true }
                route.targets[place].qos = max(route.targets[place].qos, qos)
                route.targets[place].noLocal = route.targets[place].noLocal && subscription.options.noLocal
                route.targets[place].isLogged = route.targets[place].isLogged || isLogged(subscription)
                route.targets[place].retainAsPublished =
                    route.targets[place].retainAsPublished || subscription.options.retainAsPublished
            } else {
                place = route.targets.count
                places[subscription.session] = place
                route.targets.append(
                    makeTarget(subscription, qos))
            }
            guard subscription.identifier != 0 else { continue }
            if route.targets[place].identifiers < 0 {
                route.targets[place].identifiers = Int32(route.identifiers.count)
                route.identifiers.append([])
            }
            route.identifiers[Int(route.targets[place].identifiers)].append(subscription.identifier)
        }
        return route
    }

    /// What a session publishes itself reaches it as if its subscriptions with No Local were not there [MQTT-3.8.3-3].
    private func leaveOutNoLocal(
        of session: Int32, _ topic: Span<UInt8>, _ targets: inout [Route.Target], _ identifiers: inout [[UInt32]]
    ) {
        guard let own = targets.firstIndex(where: { $0.session == session && !$0.noLocal }) else { return }
        targets[own].qos = .atMostOnce
        targets[own].retainAsPublished = false
        var left: [UInt32] = []
        for subscribed in sessions[Int(session)].subscriptions
        where !subscribed.filter.isShared && !subscribed.options.noLocal && subscribed.filter.matches(topic) {
            targets[own].qos = max(targets[own].qos, liveQoS(subscribed, session))
            if subscribed.options.retainAsPublished { targets[own].retainAsPublished = true }
            if subscribed.identifier != 0 { left.append(subscribed.identifier) }
        }
        targets[own].identifiers = left.isEmpty ? -1 : Int32(identifiers.count)
        identifiers.append(left)
    }

    private func makeTarget(_ subscription: Subscription, _ qos: QoS) -> Route.Target {
        let session = sessions[Int(subscription.session)]
        return Route.Target(
            session: subscription.session, slot: session.slot, isVersion5: session.version == .v5,
            takesAliases: session.takesAliases, packetBytesMax: session.packetBytesMax, qos: qos,
            noLocal: subscription.options.noLocal, retainAsPublished: subscription.options.retainAsPublished,
            isLogged: isLogged(subscription), identifiers: -1)
    }

    /// Whether what this subscription gets at QoS 1 and 2 comes from the log of its filter.
    private func isLogged(_ subscription: Subscription) -> Bool {
        subscription.options.qos > 0 && subscription.shareGroup == 0
            && sessions[Int(subscription.session)].isPersistent
    }

    // MARK: One delivery

    /// Inlined, since passing a target from function to function takes longer than using it (0.24 against 0.17 µs a delivery).
    @inline(__always)
    private mutating func deliver(
        _ topic: Span<UInt8>, _ payload: Span<UInt8>, qos: QoS, retain: Bool, forwarded: [UInt8], _ expiry: Expiry,
        to target: Route.Target, _ identifiers: [[UInt32]], io: inout Connections
    ) {
        let qos = QoS.lower(qos, target.qos)
        let form = FrameSet.Form(isVersion5: target.isVersion5, qos: qos, retain: retain && target.retainAsPublished)
        if target.identifiers >= 0, form.isVersion5 {
            var properties = DeliveryProperties(forwarded: forwarded)
            properties.messageExpirySeconds = expiry.seconds
            properties.subscriptionIDs = identifiers[Int(target.identifiers)]
            var frame: [UInt8] = []
            let offset = ServerPacket.encodePublish(
                into: &frame, version: .v5, topic: topic, payload: payload, qos: qos, retain: form.retain,
                properties: properties)
            send(frame, qos, packetIDAt: offset, expiry, to: target, io: &io)
            return
        }
        let index = frames.form(
            form, topic: topic, payload: payload, forwarded: forwarded, expirySeconds: expiry.seconds)
        send(frames.frames[index], qos, packetIDAt: frames.packetIDOffset(index), expiry, to: target, io: &io)
    }

    @inline(__always)
    private mutating func send(
        _ frame: [UInt8], _ qos: QoS, packetIDAt offset: Int, _ expiry: Expiry, to target: Route.Target,
        io: inout Connections
    ) {
        guard frame.count <= target.packetBytesMax else { return }
        guard qos.isAcknowledged else {
            // A slow reader loses messages of QoS 0, and only it (protocol.md §3.5).
            guard !io.isCongested(target.slot) else {
                noteDropped(target.session)
                return
            }
            appendPublish(
                frame, to: target.session, slot: target.slot, takesAliases: target.takesAliases, io: &io)
            return
        }
        let place = Int(target.session)
        if sessions[place].queuedBytes == 0, sessions[place].hasWindow, !io.isCongested(target.slot) {
            let packetID = sessions[place].inFlight.append(cursor: -1, seq: 0, qos: qos)
            appendPublish(
                frame, packetID: packetID, at: offset, to: target.session, slot: target.slot,
                takesAliases: target.takesAliases, io: &io)
            return
        }
        let queued = Session.Queued(frame: frame, packetIDOffset: offset, qos: qos, expiresAt: expiry.expiresAt)
        guard sessions[place].queuedBytes + queued.heldBytes <= Limits.queuedBytesMax else {
            noteDropped(target.session)
            return
        }
        sessions[place].queue.append(queued)
        sessions[place].queuedBytes += queued.heldBytes
    }

    /// What it lost it may still get as a retained message.
    private mutating func noteDropped(_ session: Int32) {
        hub.metrics.dropped.add(1)
        sessions[Int(session)].retained.hasLostLive = true
    }

    /// The session may receive less than before: what waits of the rest goes.
    mutating func withdrawQueued(_ session: Int32) {
        let place = Int(session), rules = sessions[place].rules
        var bytes = 0
        sessions[place].queue.removeAll { queued in
            let topic = queued.frame.span.extracting(ServerPacket.topicRange(ofPublish: queued.frame.span))
            guard !rules.mayReceive(topic) else { return false }
            bytes += queued.heldBytes
            return true
        }
        sessions[place].queuedBytes -= bytes
    }

    /// Sends waiting messages of plain topics as far as the window is open.
    mutating func sendQueued(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        guard sessions[place].queuedBytes > 0 else { return }
        let slot = sessions[place].slot
        while sessions[place].hasWindow, !io.isCongested(slot), let queued = sessions[place].queue.removeFirst() {
            sessions[place].queuedBytes -= queued.heldBytes
            guard let frame = queued.frame(sessions[place].version, now: hub.services.wallMilliseconds()) else {
                hub.metrics.dropped.add(1)
                continue
            }
            let packetID = sessions[place].inFlight.append(cursor: -1, seq: 0, qos: queued.qos)
            appendPublish(
                frame, packetID: packetID, at: queued.packetIDOffset, to: session, slot: slot,
                takesAliases: sessions[place].takesAliases, io: &io)
        }
    }
}
