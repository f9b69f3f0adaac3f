import MQTT
import Persistence
import Topics
import Transport

extension Shard {
    // MARK: Restoring

    /// Brings back the subscriptions of a stored session, and its cursors where the user may still read.
    mutating func restore(_ opened: OpenedSession?, _ session: Int32) {
        guard let opened, opened.isPresent else { return }
        for stored in opened.stored.subscriptions {
            guard let filter = try? TopicFilter(validating: stored.filter),
                let options = SubscriptionOptions(stored: stored.options)
            else { preconditionFailure("only valid subscriptions are stored") }
            let subscribed = Session.Subscribed(filter: filter, options: options, identifier: stored.identifier)
            sessions[Int(session)].subscriptions.append(subscribed)
            // What its token allows now is asked at each delivery.
            insert(subscribed, of: session)
        }
        let places = Dictionary(opened.stored.cursors.map { ($0.topicID, $0.acked) }) { _, last in last }
        let user = sessions[Int(session)].user
        guard user >= 0 else { return }
        for topic in readableTopics(of: user) {
            let topicID = topics[Int(topic)]!.topic.id
            let start = places[topicID] ?? firstSeqForAbsent(user: user, topic: topic)
            cover(topic, by: session, from: min(start, topics[Int(topic)]!.head))
        }
    }

    /// Where a session begins to read a topic that became readable while it was offline: before the entry that gave access.
    private func firstSeqForAbsent(user: Int32, topic: Int32) -> Int64 {
        guard case .group(let group) = topics[Int(topic)]!.topic.address else { return 0 }
        return max((users[Int(user)].groups[group]?.joinedSeq ?? 1) - 1, 0)
    }

    // MARK: Ending

    /// The connection is gone, or is told to go. What is durable is saved, the rest forgotten.
    mutating func endSession(_ session: Int32, isClean: Bool) {
        let place = Int(session)
        leaveShares(session)
        for subscribed in sessions[place].subscriptions { remove(subscribed.filter, of: session) }
        let cursors = savedCursors(of: session)
        for index in sessions[place].cursors.indices where sessions[place].cursors[index].topic >= 0 {
            removeSubscriber(session, Int32(index), from: sessions[place].cursors[index].topic)
        }
        let user = sessions[place].user
        if user >= 0 {
            users[Int(user)].sessions.removeAll { $0 == session }
            releaseUser(user)
        }
        let ended = sessions[place]
        sessionBySerial[ended.claim.serial] = nil
        sessions[place].forget()
        freeSessions.append(session)
        hub.finish(
            ended.key, ended.claim, storedID: ended.storedID, cursors: cursors, expirySeconds: ended.expirySeconds,
            after: ended.lastSave)
    }

    // MARK: Cursors

    func savedCursors(of session: Int32) -> [Cursor] {
        guard sessions[Int(session)].storedID != 0 else { return [] }
        return sessions[Int(session)].cursors.compactMap {
            $0.topic >= 0 ? Cursor(topicID: $0.topicID, acked: $0.acknowledged) : nil
        }
    }

    mutating func noteCursorChange(_ session: Int32) {
        guard sessions[Int(session)].storedID != 0, !sessions[Int(session)].cursorsChanged else { return }
        sessions[Int(session)].cursorsChanged = true
        sessionsWithChangedCursors.append(session)
    }

    mutating func saveChangedCursors() {
        guard !sessionsWithChangedCursors.isEmpty else { return }
        var changed: [(id: Int64, cursors: [Cursor])] = []
        var saved: [Int32] = []
        for session in sessionsWithChangedCursors where sessions[Int(session)].cursorsChanged {
            sessions[Int(session)].cursorsChanged = false
            changed.append((sessions[Int(session)].storedID, savedCursors(of: session)))
            saved.append(session)
        }
        sessionsWithChangedCursors.removeAll(keepingCapacity: true)
        guard !changed.isEmpty else { return }
        let previous = saved.compactMap { sessions[Int($0)].lastSave }
        let save = Task { [hub, changed, previous] in
            for earlier in previous { await earlier.value }
            await hub.saveCursors(changed)
        }
        for session in saved { sessions[Int(session)].lastSave = save }
    }

    // MARK: Acknowledgements by the subscriber

    /// PUBACK from a subscriber. An unknown identifier changes nothing: it must not make room [MQTT-3.3.4-9].
    mutating func acknowledge(_ packetID: UInt16, of session: Int32, io: inout Connections) {
        guard sessions[Int(session)].inFlight.acknowledge(packetID) else { return }
        settleShare(packetID, session)
        settle(session, io: &io)
    }

    /// A delivery is complete: cursors follow, and there is room for the next.
    mutating func settle(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        while let item = sessions[place].inFlight.popDone() {
            guard item.cursor >= 0 else { continue }
            let acknowledged = max(sessions[place].cursors[Int(item.cursor)].acknowledged, item.seq)
            sessions[place].cursors[Int(item.cursor)].acknowledged = acknowledged
            noteCursorChange(session)
        }
        sendQueued(session, io: &io)
        pump(session, io: &io)
        reopenShares(session, io: &io)
    }
}
