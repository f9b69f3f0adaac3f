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
        let places = Dictionary(opened.stored.state.cursors.map { ($0.topicID, $0.acked) }) { _, last in last }
        restoreLogs(opened.stored.subscriptions, places, session)
        let user = sessions[Int(session)].user
        if user >= 0 {
            for topic in readableTopics(of: user) {
                let topicID = topics[Int(topic)]!.topic.id
                let start = places[topicID] ?? firstSeqForAbsent(user: user, topic: topic)
                // Entries that another shard has delivered may still be on their way to this one.
                cover(topic, by: session, from: start)
            }
        }
        restore(opened.stored.state, of: session)
        advanceCursors(of: session)
    }

    /// Cursors in the logs of plain filters. A log that is missing is made: the token may allow now what it did not allow before.
    private mutating func restoreLogs(
        _ subscriptions: [StoredSubscription], _ places: [Int64: Int64], _ session: Int32
    ) {
        for subscription in subscriptions {
            guard let log = subscription.log else { continue }
            announce(log)
            // A client may have gone before it had its SUBACK, and its session before it had a cursor.
            let start = places[log.topicID] ?? subscription.logSeq ?? log.lastSeq
            cover(log, by: session, from: min(start, log.lastSeq))
        }
        addMissingLogs(session)
    }

    /// The token allows now what it did not allow when the session subscribed.
    mutating func addMissingLogs(_ session: Int32) {
        let missing = sessions[Int(session)].subscriptions.filter {
            wantsLog($0, session) && logTopic(of: $0.filter.bytes) == nil
        }
        guard !missing.isEmpty else { return }
        saveSubscriptions(missing.map(\.stored), nil, of: session)
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
        removePresence(of: session, isClean: isClean)
        for subscribed in sessions[place].subscriptions { remove(subscribed.filter, of: session) }
        let state = state(of: session)
        for index in sessions[place].cursors.indices where sessions[place].cursors[index].topic >= 0 {
            let cursor = sessions[place].cursors[index]
            removeSubscriber(session, Int32(index), from: cursor.topic)
            if cursor.isFilterLog { releaseTopic(cursor.topic) }
        }
        let user = sessions[place].user
        if user >= 0 {
            users[Int(user)].sessions.removeAll { $0 == session }
            releaseUser(user)
        }
        let ended = sessions[place]
        if let will = ended.will {
            if isClean {
                hub.discardWill(will)
            } else {
                hub.endWill(will, sessionSeconds: ended.expirySeconds, shard: index)
            }
        }
        sessionBySerial[ended.claim.serial] = nil
        sessions[place].forget()
        freeSessions.append(session)
        hub.finish(
            ended.key, ended.claim, storedID: ended.storedID, state: state, expirySeconds: ended.expirySeconds,
            after: ended.lastSave)
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
        advanceCursors(of: session)
        sendQueued(session, io: &io)
        pump(session, io: &io)
        reopenShares(session, io: &io)
        continueRetained(session, io: &io)
    }

    /// Takes out what is done, oldest first, up to what is not.
    mutating func advanceCursors(of session: Int32) {
        let place = Int(session)
        while let item = sessions[place].inFlight.popDone() {
            if !sessions[place].kept.isEmpty {
                sessions[place].kept.remove(sessions[place].inFlight.firstOrdinal - 1)
                noteCursorChange(session)
            }
            guard item.cursor >= 0 else { continue }
            let cursor = Int(item.cursor)
            sessions[place].cursors[cursor].inFlightCount -= 1
            let acknowledged = max(sessions[place].cursors[cursor].acknowledged, item.seq)
            sessions[place].cursors[cursor].acknowledged = acknowledged
            // What an earlier connection sent can be completed before its turn to be looked up again has come.
            sessions[place].cursors[cursor].sent = max(sessions[place].cursors[cursor].sent, acknowledged)
            noteCursorChange(session)
        }
    }
}
