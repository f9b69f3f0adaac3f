import Memory
import Transport

/// Entries on their way to the subscribers of their topics, the oldest first. One for thousands is delivered in steps, a step in each turn, so that
/// others don't wait for all of it.
struct Fanouts {
    struct Fanout {
        var topicID: Int64
        var entry: Shard.EncodedEntry
        /// Those of the moment when the entry was applied. Who has come since begins behind it.
        var subscribers: [TopicState.Subscriber]
        var position = 0
    }

    private var current: Fanout?
    private var waiting = Queue<Fanout>()
    private var countByTopic: [Int64: Int] = [:]

    var isEmpty: Bool { current == nil }
    var count: Int { waiting.count + (current == nil ? 0 : 1) }

    /// Whether an entry of the topic is on its way: the next one comes after it.
    func isUnderWay(_ topicID: Int64) -> Bool { !isEmpty && countByTopic[topicID] != nil }

    mutating func append(_ fanout: Fanout) {
        countByTopic[fanout.topicID, default: 0] += 1
        if current == nil { current = fanout } else { waiting.append(fanout) }
    }

    /// The next subscribers of the oldest entry, at most so many, at least one.
    mutating func next(_ most: Int) -> (fanout: Fanout, range: Range<Int>)? {
        guard let fanout = current else { return nil }
        let end = fanout.position + min(most, fanout.subscribers.count - fanout.position)
        current?.position = end
        if end == fanout.subscribers.count {
            let left = countByTopic[fanout.topicID, default: 1] - 1
            countByTopic[fanout.topicID] = left > 0 ? left : nil
            current = waiting.removeFirst()
        }
        return (fanout, fanout.position..<end)
    }
}

extension Shard {
    /// Delivers an entry that was just applied to those who have what came before it.
    mutating func fanOut(_ entry: EncodedEntry, of topic: Int32, io: inout Connections) {
        let subscribers = topics[Int(topic)].subscribers, topicID = topics[Int(topic)].topic.id
        guard subscribers.count > hub.settings.fanoutStep || fanouts.isUnderWay(topicID) else {
            deliver(entry, to: subscribers[...], topic, io: &io)
            return
        }
        fanouts.append(Fanouts.Fanout(topicID: topicID, entry: entry, subscribers: subscribers))
        // Who publishes faster than that waits for it, as everybody else does.
        while fanouts.count > Limits.fanoutsMax { stepFanout(.max, io: &io) }
    }

    /// The end of a turn: the step of this turn.
    mutating func continueFanouts(io: inout Connections) {
        guard !fanouts.isEmpty else { return }
        var left = hub.settings.fanoutStep
        while left > 0, !fanouts.isEmpty { left -= stepFanout(left, io: &io) }
        if fanouts.isEmpty { return }
        hub.mailroom.post(.nextTurn, to: index)
        io.giveWay()
    }

    /// Delivers what is on its way in a topic, with what stands before it.
    mutating func finishFanouts(of topicID: Int64, io: inout Connections) {
        while fanouts.isUnderWay(topicID) { stepFanout(.max, io: &io) }
    }

    /// - Returns: how many subscribers had their turn.
    @discardableResult
    private mutating func stepFanout(_ most: Int, io: inout Connections) -> Int {
        guard let (fanout, range) = fanouts.next(most) else { return 0 }
        if let topic = topicIndex[fanout.topicID] {
            deliver(fanout.entry, to: fanout.subscribers[range], topic, io: &io)
        }
        return range.count
    }

    private mutating func deliver(
        _ entry: EncodedEntry, to subscribers: ArraySlice<TopicState.Subscriber>, _ topic: Int32, io: inout Connections
    ) {
        frames.reset()
        for subscriber in subscribers {
            // It may have gone since, and something else stand in its place.
            guard let cursor = sessions[Int(subscriber.session)].cursors[safe: subscriber.cursor],
                cursor.topic == topic, cursor.sent == entry.seq - 1, !cursor.isBehind
            else { continue }
            if !send(entry, at: subscriber.cursor, to: subscriber.session, io: &io) {
                markBehind(subscriber.session, subscriber.cursor)
            }
        }
    }
}
