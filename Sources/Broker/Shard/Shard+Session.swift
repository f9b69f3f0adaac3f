import MQTT
import Persistence
import Topics
import Transport

extension Shard {
    // MARK: Restoring

    /// Brings back the subscriptions of a stored session, and its cursors where the user may still read.
    /// - Parameter now: monotonic milliseconds.
    mutating func restore(_ opened: OpenedSession?, _ session: Int32, now: Int64) {
        guard let opened, opened.isPresent else { return }
        for stored in opened.stored.subscriptions {
            guard let filter = try? TopicFilter(validating: stored.filter),
                let options = SubscriptionOptions(stored: stored.options)
            else { preconditionFailure("only valid subscriptions are stored") }
            var subscribed = Session.Subscribed(filter: filter, options: options, identifier: stored.identifier)
            subscribed.isLogged = stored.log != nil && !filter.isShared
            sessions[Int(session)].subscriptions.append(subscribed)
            // What its token allows now is asked at each delivery.
            insert(subscribed, of: session)
        }
        let state = ofThisMembership(opened.stored.state, session)
        let places = Dictionary(state.cursors.map { ($0.topicID, $0.acked) }) { _, last in last }
        restoreLogs(opened.stored.subscriptions, places, session)
        let user = sessions[Int(session)].user
        if user >= 0 {
            for topic in readableTopics(of: user) {
                let topicID = topics[Int(topic)].topic.id
                // One that became readable while it was offline begins before the entry that gave access.
                let start = places[topicID] ?? max((joinedSeq(user, topic) ?? 1) - 1, 0)
                // Entries that another shard has delivered may still be on their way to this one.
                cover(topic, by: session, from: start)
            }
        }
        restore(state, of: session)
        noteEnds(session, now: now)
        advanceCursors(of: session)
    }

    /// On another shard the session may have had entries that this one was not told of yet.
    private mutating func noteEnds(_ session: Int32, now: Int64) {
        let cursors = sessions[Int(session)].cursors
        for cursor in cursors where cursor.topic >= 0 {
            topics[Int(cursor.topic)].noteEnd(cursor.acknowledged, now: now)
        }
        sessions[Int(session)].inFlight.forEach { _, item in
            guard item.cursor >= 0 else { return }
            topics[Int(cursors[Int(item.cursor)].topic)].noteEnd(item.seq, now: now)
        }
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
            isRaised($0, session)
                || $0.filter.isShared && wantsLog($0, session) && logTopic(of: $0.filter.bytes) == nil
        }
        guard !missing.isEmpty else { return }
        saveSubscriptions(missing.map(\.stored), nil, of: session)
    }

    /// The entry that made a user a member of the group behind a topic; nil: it is no group, or not one of the user's.
    func joinedSeq(_ user: Int32, _ topic: Int32) -> Int64? {
        guard user >= 0, case .group(let group) = topics[Int(topic)].topic.address else { return nil }
        return users[Int(user)].groups[group]?.joinedSeq
    }

    /// Losing access deletes a cursor and what is in flight, also if access came back while the session was away.
    private func ofThisMembership(_ stored: SessionState, _ session: Int32) -> SessionState {
        var ended: Set<Int64> = []
        for cursor in stored.cursors {
            guard let topic = topicIndex[cursor.topicID] else { continue }
            if cursor.since != joinedSeq(sessions[Int(session)].user, topic) ?? 0 { ended.insert(cursor.topicID) }
        }
        guard !ended.isEmpty else { return stored }
        var state = stored
        state.cursors.removeAll { ended.contains($0.topicID) }
        for index in state.deliveries.indices where ended.contains(state.deliveries[index].topicID) {
            state.deliveries[index].topicID = 0
        }
        return state
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
        forgetOpenedTopics(session)
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
