import Persistence
import Topics
import Transport

// Which readable topics a session's filters cover, and where it stands in them.
extension Shard {
    /// Gives a session a cursor in a topic if one of its filters matches; a cursor that is there stays where it is.
    mutating func cover(_ topic: Int32, by session: Int32, from seq: Int64) {
        let place = Int(session)
        guard let coverage = coverage(of: topic, by: session) else { return }
        if let cursor = cursor(in: topic, of: session) {
            sessions[place].cursors[Int(cursor)].qos = coverage.qos
            sessions[place].cursors[Int(cursor)].identifiers = coverage.identifiers
            return
        }
        let cursor = LogCursor(
            topic: topic, topicID: topics[Int(topic)].topic.id, sent: seq, acknowledged: seq, qos: coverage.qos,
            identifiers: coverage.identifiers)
        addCursor(cursor, of: session)
    }

    /// Puts a cursor into a free place of the session, and the session among the topic's subscribers.
    mutating func addCursor(_ cursor: LogCursor, of session: Int32) {
        let place = Int(session)
        let index: Int32
        if let free = sessions[place].cursors.firstIndex(where: { $0.topic < 0 }) {
            index = Int32(free)
            sessions[place].cursors[free] = cursor
        } else {
            index = Int32(sessions[place].cursors.count)
            sessions[place].cursors.append(cursor)
        }
        let topic = Int(cursor.topic)
        topics[topic].subscribers.append(TopicState.Subscriber(session: session, cursor: index))
        forgetWatchers(of: cursor.topic, session)
        if cursor.sent < topics[topic].head { markBehind(session, index) }
        noteCursorChange(session)
    }

    /// Where the client wants to begin; beyond the end means now. What is in flight may come twice, and no longer counts.
    mutating func moveCursor(in topic: Int32, of session: Int32, to seq: Int64) {
        guard let cursor = cursor(in: topic, of: session) else { return }
        let place = Int(session), start = min(seq, topics[Int(topic)].head)
        sessions[place].inFlight.detach(cursor: cursor)
        sessions[place].cursors[Int(cursor)].inFlightCount = 0
        sessions[place].cursors[Int(cursor)].sent = start
        sessions[place].cursors[Int(cursor)].acknowledged = start
        if start < topics[Int(topic)].head { markBehind(session, cursor) }
        noteCursorChange(session)
    }

    /// After a subscription has changed: the cursor follows, or goes.
    mutating func updateCover(_ topic: Int32, of session: Int32) {
        guard let coverage = coverage(of: topic, by: session) else {
            uncover(topic, of: session)
            return
        }
        guard let cursor = cursor(in: topic, of: session) else { return }
        sessions[Int(session)].cursors[Int(cursor)].qos = coverage.qos
        sessions[Int(session)].cursors[Int(cursor)].identifiers = coverage.identifiers
    }

    mutating func uncover(_ topic: Int32, of session: Int32) {
        guard let cursor = cursor(in: topic, of: session) else { return }
        removeSubscriber(session, cursor, from: topic)
        let place = Int(session)
        sessions[place].inFlight.detach(cursor: cursor)
        sessions[place].behind.removeAll { $0 == cursor }
        let isFilterLog = sessions[place].cursors[Int(cursor)].isFilterLog
        sessions[place].cursors[Int(cursor)] = .free
        if isFilterLog { releaseTopic(topic) }
        noteCursorChange(session)
    }

    mutating func removeSubscriber(_ session: Int32, _ cursor: Int32, from topic: Int32) {
        guard
            let place = topics[Int(topic)].subscribers.firstIndex(where: {
                $0.session == session && $0.cursor == cursor
            })
        else { preconditionFailure("a cursor stands in its topic's list") }
        topics[Int(topic)].subscribers.swapAt(place, topics[Int(topic)].subscribers.count - 1)
        topics[Int(topic)].subscribers.removeLast()
        forgetWatchers(of: topic, session)
    }

    private func cursor(in topic: Int32, of session: Int32) -> Int32? {
        sessions[Int(session)].cursors.firstIndex { $0.topic == topic }.map { Int32($0) }
    }

    /// The highest QoS and all identifiers of the filters that match; nil: none does.
    func coverage(of topic: Int32, by session: Int32) -> Coverage? {
        var found: Coverage?
        let name = topics[Int(topic)].name
        for subscribed in sessions[Int(session)].subscriptions
        where !subscribed.filter.isShared && subscribed.filter.matches(name.span) {
            var coverage = found ?? Coverage(qos: .atMostOnce, identifiers: [])
            coverage.qos = max(coverage.qos, subscribed.options.qos)
            if subscribed.identifier != 0 { coverage.identifiers.append(subscribed.identifier) }
            found = coverage
        }
        return found
    }
}
