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
        deliverPlain(publish, on: topic, bytes, from: session, io: &io)
        answer(publish, on: topic, bytes, nil, session, io: &io)
    }

    /// Delivers here and hands over to the other shards with matching filters; the route is found.
    private mutating func deliverPlain(
        _ publish: Publish, on topic: Span<UInt8>, _ bytes: Span<UInt8>, from session: Int32, io: inout Connections
    ) {
        var forwarded: [UInt8] = []
        if publish.hasForwardedProperties {
            publish.appendForwardedProperties(to: &forwarded, in: bytes)
        }
        let expiry = Expiry(seconds: publish.messageExpirySeconds, now: hub.services.wallMilliseconds())
        let shards = sessions[Int(session)].route.shards
        if shards != 0 {
            let message = PlainMessage(
                topic: [UInt8](span: topic), payload: [UInt8](span: bytes.extracting(publish.payload)),
                qos: publish.qos, retain: publish.retain, forwarded: forwarded, expiresAt: expiry.expiresAt)
            for shard in outgoing.indices where shards & 1 << UInt64(shard) != 0 { outgoing[shard].append(message) }
        }
        let targets = sessions[Int(session)].route.targets
        guard !targets.isEmpty else { return }
        let identifiers = sessions[Int(session)].route.identifiers
        frames.reset()
        for target in targets where !(target.noLocal && target.session == session) {
            deliver(
                topic, bytes.extracting(publish.payload), qos: publish.qos, retain: publish.retain,
                forwarded: forwarded, expiry, to: target, identifiers, io: &io)
        }
    }

    /// A message from another shard. No Local can't apply: its publisher is there.
    mutating func deliver(_ message: PlainMessage, io: inout Connections) {
        guard let expiry = Expiry(handedOver: message.expiresAt, now: hub.services.wallMilliseconds()) else { return }
        let route = makeRoute(message.topic.span)
        frames.reset()
        for target in route.targets {
            deliver(
                message.topic.span, message.payload.span, qos: message.qos, retain: message.retain,
                forwarded: message.forwarded, expiry, to: target, route.identifiers, io: &io)
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
        var route = mayPublish ? makeRoute(topic) : Route()
        route.topic = [UInt8](span: topic)
        route.generation = subscriptions.generation
        route.mayPublish = mayPublish
        sessions[place].route = route
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
            if subscription.session < 0 {
                route.shards |= 1 << UInt64(-1 - subscription.session)
                continue
            }
            guard sessions[Int(subscription.session)].rules.mayReceive(topic) else { continue }
            let qos = QoS(rawValue: subscription.options.qos) ?? .atMostOnce
            let place: Int
            if let found = places[subscription.session] {
                place = found
                route.targets[place].qos = max(route.targets[place].qos, qos)
                route.targets[place].noLocal = route.targets[place].noLocal && subscription.options.noLocal
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

    private func makeTarget(_ subscription: Subscription, _ qos: QoS) -> Route.Target {
        let session = sessions[Int(subscription.session)]
        return Route.Target(
            session: subscription.session, slot: session.slot, isVersion5: session.version == .v5,
            takesAliases: session.takesAliases, packetBytesMax: session.packetBytesMax, qos: qos,
            noLocal: subscription.options.noLocal, retainAsPublished: subscription.options.retainAsPublished,
            identifiers: -1)
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
                hub.metrics.dropped.add(1)
                return
            }
            appendPublish(
                frame, to: target.session, slot: target.slot, takesAliases: target.takesAliases, io: &io)
            return
        }
        let place = Int(target.session)
        if sessions[place].queue.isEmpty, sessions[place].hasWindow, !io.isCongested(target.slot) {
            let packetID = sessions[place].inFlight.append(cursor: -1, seq: 0, qos: qos)
            appendPublish(
                frame, packetID: packetID, at: offset, to: target.session, slot: target.slot,
                takesAliases: target.takesAliases, io: &io)
            return
        }
        guard sessions[place].queue.count < Limits.queuedMessagesMax,
            sessions[place].queuedBytes + frame.count <= Limits.queuedBytesMax
        else {
            hub.metrics.dropped.add(1)
            return
        }
        sessions[place].queue.append(
            Session.Queued(frame: frame, packetIDOffset: offset, qos: qos, expiresAt: expiry.expiresAt))
        sessions[place].queuedBytes += frame.count
    }

    /// Sends waiting messages of plain topics as far as the window is open.
    mutating func sendQueued(_ session: Int32, io: inout Connections) {
        let place = Int(session), slot = sessions[place].slot
        var sent = 0
        while sent < sessions[place].queue.count, sessions[place].hasWindow, !io.isCongested(slot) {
            let queued = sessions[place].queue[sent]
            sent += 1
            sessions[place].queuedBytes -= queued.frame.count
            guard let frame = queued.frame(sessions[place].version, now: hub.services.wallMilliseconds()) else {
                hub.metrics.dropped.add(1)
                continue
            }
            let packetID = sessions[place].inFlight.append(cursor: -1, seq: 0, qos: queued.qos)
            appendPublish(
                frame, packetID: packetID, at: queued.packetIDOffset, to: session, slot: slot,
                takesAliases: sessions[place].takesAliases, io: &io)
        }
        if sent == sessions[place].queue.count {
            sessions[place].queue = []
        } else if sent > 0 {
            sessions[place].queue.removeFirst(sent)
        }
    }
}
