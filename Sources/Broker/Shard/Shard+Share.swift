import MQTT
import Topics
import Transport

// Shared subscriptions (MQTT 5 §4.8.2; also in 3.x). Each has a home among the shards, which decides who gets what (`ShareGroup`); here are
// the shards' other parts: subscribing, finding the home, sending to a member, telling the home what became of it.
//
// All that is said goes through one list per shard and is sent, or done, at the end of the turn: so it is heard in the order in which it
// was said, and nothing here calls itself.
extension Shard {
    // MARK: Rights

    /// Shared subscriptions are for plain topics: one with wildcards covers only those.
    /// - Returns: nil: granted.
    func refusal(ofShare filter: TopicFilter, _ session: Int32) -> ReasonCode? {
        if !filter.reachesPlain, filter.reachesReserved { return .sharedSubscriptionsNotSupported }
        guard filter.reachesPlain, sessions[Int(session)].rules.maySubscribe(filter) else { return .notAuthorized }
        return nil
    }

    // MARK: Members

    mutating func joinShare(_ subscribed: Session.Subscribed, _ session: Int32) {
        let filter = subscribed.filter, home = shares.home(of: filter), place = Int(session)
        let limit = min(sessions[place].receiveMaximum, Limits.shareOutstandingMax)
        let membership = SessionShares.Membership(
            options: subscribed.options, identifier: subscribed.identifier, home: home)
        let isNew = sessions[place].shares.join(filter, membership)
        send(.join(filter, member(session), qos: subscribed.options.qos, limit: limit), to: home)
        guard isNew else { return }
        shares.localCounts[filter, default: 0] += 1
        guard shares.localCounts[filter] == 1 else { return }
        // Who hears of the filter may publish at once: the home must know its member by then.
        postShares(to: home)
        addHolder(index, of: filter)
        hub.mailroom.postToOthers(.filterAdded(filter, shard: index), from: index)
    }

    /// UNSUBSCRIBE.
    mutating func detachShare(_ filter: TopicFilter, _ session: Int32) {
        guard let membership = sessions[Int(session)].shares.detach(filter) else { return }
        forgetLocal(filter)
        send(.detach(filter, member(session)), to: membership.home)
    }

    /// The session's connection has ended.
    mutating func leaveShares(_ session: Int32) {
        guard !sessions[Int(session)].shares.isEmpty else { return }
        let unsaved = withdrawUnsaved(session)
        for (filter, involved) in sessions[Int(session)].shares.involved(except: unsaved) {
            if sessions[Int(session)].shares.detach(filter) != nil { forgetLocal(filter) }
            send(.leave(filter, member(session), exactlyOnce: involved.exactlyOnce), to: involved.home)
        }
    }

    /// Messages of QoS 2 that wait to be sent until they are saved: they go to others, and the session forgets them.
    private mutating func withdrawUnsaved(_ session: Int32) -> Set<UInt16> {
        let place = Int(session)
        guard sessions[place].isPersistent else { return [] }
        let unsaved = sessions[place].shares.unsaved(savedRevision: sessions[place].savedRevision)
        for packetID in unsaved { _ = sessions[place].inFlight.reject(packetID) }
        return Set(unsaved)
    }

    private func member(_ session: Int32) -> ShareMember { ShareMember(shard: index, session: sessionToken(session)) }

    private mutating func forgetLocal(_ filter: TopicFilter) {
        guard let count = shares.localCounts[filter] else { return }
        shares.localCounts[filter] = count == 1 ? nil : count - 1
        guard count == 1 else { return }
        removeHolder(index, of: filter)
        hub.mailroom.postToOthers(.filterRemoved(filter, shard: index), from: index)
    }

    // MARK: Index

    mutating func addHolder(_ shard: Int, of filter: TopicFilter) {
        let before = shares.holders[filter] ?? 0
        shares.holders[filter] = before | 1 << UInt64(shard)
        guard before == 0 else { return }
        let home = Int32(-1 - shares.home(of: filter))
        _ = subscriptions.insert(filter, Subscription(session: home, options: DeliveryOptions(qos: 2)))
    }

    mutating func removeHolder(_ shard: Int, of filter: TopicFilter) {
        guard let before = shares.holders[filter] else { return }
        let rest = before & ~(1 << UInt64(shard))
        shares.holders[filter] = rest == 0 ? nil : rest
        if rest == 0 { _ = subscriptions.remove(filter, session: Int32(-1 - shares.home(of: filter))) }
    }

    // MARK: Publishing

    /// Adds a shared subscription that matches to a route.
    func add(_ subscription: Subscription, to shares: inout [Route.Share]) {
        guard let filter = subscriptions.shareFilter(subscription.shareGroup) else { return }
        let home = Int(-1 - subscription.session)
        // Those of one home stand together.
        if shares.last?.home != home { shares.append(Route.Share(home: home)) }
        shares[shares.count - 1].filters.append(filter)
        if filterLogIndex[filter.bytes] == nil { shares[shares.count - 1].liveFilters.append(filter) }
    }

    /// Hands a message to the shared subscriptions that match. Those with a log get it from there, unless it is one of QoS 0: what this shard
    /// knows when it publishes decides, so that a message goes one way.
    mutating func share(_ message: PlainMessage, among shares: [Route.Share]) {
        for share in shares {
            let filters = message.qos.isAcknowledged ? share.liveFilters : share.filters
            if !filters.isEmpty { send(.publish(message, filters), to: share.home) }
        }
    }

    // MARK: Sending to a member

    /// Sends a message to the member that its home chose, or gives it back.
    mutating func deliver(_ delivery: ShareDelivery, io: inout Connections) {
        guard let session = session(of: delivery.member.session),
            let membership = sessions[Int(session)].shares.memberships[delivery.filter]
        else {
            send(.refused(delivery, .gone), to: delivery.home)
            return
        }
        guard let refusal = attempt(delivery, membership, session, io: &io) else { return }
        switch refusal {
        case .congested, .noWindow: sessions[Int(session)].shares.setObstacle(refusal, delivery.filter)
        case .gone, .unfit: break
        }
        send(.refused(delivery, refusal), to: delivery.home)
    }

    /// - Returns: nil: sent.
    private mutating func attempt(
        _ delivery: ShareDelivery, _ membership: SessionShares.Membership, _ session: Int32, io: inout Connections
    ) -> ShareRefusal? {
        let place = Int(session), slot = sessions[place].slot, message = delivery.shared.message
        guard sessions[place].rules.mayReceive(message.topic.span) else { return .unfit }
        // An untracked message was given when the subscription was one of QoS 0, a tracked one may meet one that is now.
        let qos = delivery.isTracked ? QoS.lower(message.qos, membership.options.qos) : .atMostOnce
        guard let expiry = Expiry(waited: message.expiresAt, now: hub.services.wallMilliseconds()) else {
            // It is over, which is as good as delivered [MQTT-3.3.2-5].
            hub.metrics.dropped.add(1)
            settle(delivery)
            return nil
        }
        var properties = DeliveryProperties(forwarded: message.forwarded)
        properties.messageExpirySeconds = expiry.seconds
        if membership.identifier != 0 { properties.subscriptionIDs = [membership.identifier] }
        scratch.removeAll(keepingCapacity: true)
        let offset = ServerPacket.encodePublish(
            into: &scratch, version: sessions[place].version, topic: message.topic.span, payload: message.payload.span,
            qos: qos, retain: message.retain && membership.options.retainAsPublished, properties: properties)
        guard scratch.count <= sessions[place].packetBytesMax else { return .unfit }
        if io.isCongested(slot) { return .congested }
        guard qos.isAcknowledged else {
            appendPublish(scratch, to: session, io: &io)
            settle(delivery)
            return nil
        }
        guard sessions[place].hasWindow, sessions[place].queue.isEmpty, !sessions[place].kept.isFull else {
            return .noWindow
        }
        let packetID = sessions[place].inFlight.nextPacketID
        send(scratch, packetIDAt: offset, qos, cursor: -1, seq: 0, isKept: qos == .exactlyOnce, to: session, io: &io)
        let item = SessionShares.Item(
            filter: delivery.filter, home: delivery.home, number: delivery.shared.number, entry: delivery.shared.entry,
            isExactlyOnce: qos == .exactlyOnce, revision: sessions[place].revision)
        sessions[place].shares.sent(item, as: packetID)
        return nil
    }

    /// There is nothing to wait for.
    private mutating func settle(_ delivery: ShareDelivery) {
        guard delivery.isTracked else { return }
        send(.settled(delivery.filter, delivery.member, number: delivery.shared.number), to: delivery.home)
    }

    /// The client has what was sent under an identifier, or does not want it; to be called before the identifier is used again.
    mutating func settleShare(_ packetID: UInt16, _ session: Int32) {
        guard sessions[Int(session)].shares.hasItems, let item = sessions[Int(session)].shares.settled(packetID) else {
            return
        }
        send(.settled(item.filter, member(session), number: item.number), to: item.home)
    }

    /// The session may no longer have what was given an identifier, and it was not sent.
    mutating func giveBackShare(_ packetID: UInt16, _ session: Int32) {
        guard let item = sessions[Int(session)].shares.settled(packetID) else { return }
        send(.givenBack(item.filter, member(session), number: item.number), to: item.home)
    }

    /// The session may have room again for what it has refused.
    mutating func reopenShares(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        guard sessions[place].shares.hasObstacles, !io.isCongested(sessions[place].slot) else { return }
        let hasRoom = sessions[place].hasWindow && sessions[place].queue.isEmpty
        for (filter, membership) in sessions[place].shares.memberships {
            switch membership.obstacle {
            case nil, .gone, .unfit: continue
            case .noWindow where !hasRoom: continue
            case .noWindow, .congested: break
            }
            sessions[place].shares.setObstacle(nil, filter)
            send(.reopened(filter, member(session), room: max(sessions[place].window, 0)), to: membership.home)
        }
    }

    // MARK: At home

    private mutating func handle(_ mail: ShareMail, io: inout Connections) {
        switch mail {
        case .publish(let message, let filters):
            for filter in filters {
                let shared = shares.live(message)
                guard shares.groups[filter] != nil else {
                    if message.qos.isAcknowledged, shares.logs[filter] != nil { takeBack([shared], filter, io: &io) }
                    continue
                }
                let mayWait = shares.mayHoldMore(filter)
                change(filter, io: &io) { $0.offer(shared, mayWait: mayWait) }
            }
        case .join(let filter, let member, let qos, let limit):
            if shares.groups[filter] == nil { shares.groups[filter] = ShareGroup() }
            change(filter, io: &io) { $0.join(member, qos: qos, limit: limit) }
        case .detach(let filter, let member): change(filter, io: &io) { $0.detach(member) }
        case .leave(let filter, let member, let exactlyOnce):
            change(filter, io: &io) { $0.leave(member, exactlyOnce: exactlyOnce) }
        case .settled(let filter, let member, let number): change(filter, io: &io) { $0.settled(member, number) }
        case .givenBack(let filter, let member, let number):
            change(filter, io: &io) { $0.givenBack(number, by: member) }
        case .refused(let delivery, let reason):
            change(delivery.filter, io: &io) {
                $0.refused(delivery.shared, by: delivery.member, isTracked: delivery.isTracked, reason)
            }
        case .reopened(let filter, let member, let room): change(filter, io: &io) { $0.reopened(member, room: room) }
        case .committed(let filter, let entry): feedShare(filter, newest: entry, io: &io)
        case .deliver(let delivery): deliver(delivery, io: &io)
        }
    }

    private mutating func change(
        _ filter: TopicFilter, io: inout Connections, _ body: (inout ShareGroup) -> [ShareGroup.Action]
    ) {
        alter(filter, io: &io, body)
        if shares.logs[filter] != nil { feedShare(filter, io: &io) }
    }

    /// Changes a group and does what it says.
    mutating func alter(
        _ filter: TopicFilter, io: inout Connections, _ body: (inout ShareGroup) -> [ShareGroup.Action]
    ) {
        // A message may come when the last member has gone.
        guard let place = shares.groups.index(forKey: filter) else { return }
        let before = shares.groups.values[place].heldBytes
        let actions = body(&shares.groups.values[place])
        shares.heldBytes += shares.groups.values[place].heldBytes - before
        if shares.groups.values[place].isEmpty {
            precondition(shares.groups.values[place].heldBytes == 0, "a group without members holds nothing")
            shares.groups.remove(at: place)
        }
        for action in actions {
            switch action {
            case .deliver(let shared, let member, let isTracked):
                let delivery = ShareDelivery(
                    filter: filter, home: index, member: member, shared: shared, isTracked: isTracked)
                send(.deliver(delivery), to: member.shard)
            case .drop(let messages):
                hub.metrics.dropped.add(UInt64(messages.count))
                for shared in messages { settleLogged(shared, filter) }
            case .takeBack(let messages): takeBack(messages, filter, io: &io)
            case .settle(let shared): settleLogged(shared, filter)
            }
        }
    }

    // MARK: Mail

    private mutating func send(_ mail: ShareMail, to shard: Int) {
        if shard == index { shares.work.append(mail) } else { shares.outgoing[shard].append(mail) }
    }

    private mutating func postShares(to shard: Int) {
        guard !shares.outgoing[shard].isEmpty else { return }
        let bytes = shares.outgoing[shard].heldBytes
        if bytes > 0 { noteBacklog(bytes, of: shard) }
        hub.mailroom.post(.shares(shares.outgoing[shard]), to: shard)
        shares.outgoing[shard] = []
    }

    /// Does what this turn has left to do, and sends what concerns other shards.
    mutating func finishShares(io: inout Connections) {
        var done = 0
        while done < shares.work.count {
            handle(shares.work[done], io: &io)
            done += 1
        }
        if done > 0 { shares.work = [] }
        if shares.workBytes > 0 { noteHandled(shares.workBytes) }
        shares.workBytes = 0
        for shard in shares.outgoing.indices { postShares(to: shard) }
    }
}
