import MQTT
import Persistence
import Topics
import Transport

// Shared subscriptions that a persistent session has at QoS 1 or 2: what is published at these is appended to a log of their own, and their
// home gives its entries to the members that are there (docs/decisions/0009). All of this runs at the home.
extension Shard {
    // MARK: Which groups have a log

    /// From now on the group takes what the log gets; its place in it was read with it.
    mutating func addShareLog(_ log: FilterLog, _ filter: TopicFilter) {
        guard shares.home(of: filter) == index else { return }
        let topic = holdTopic(log.topic, lastSeq: log.lastSeq)
        let base = shares.groups[filter].map { max($0.lastNumber, 0) } ?? 0
        shares.logs[filter] = ShareLog(
            topicID: log.topicID, base: base, end: topics[Int(topic)].head, log.consumption)
        shares.logFilters[log.topicID] = filter
        if !log.consumption.taken.isEmpty { shares.changedLogs.insert(filter) }
        // There may be members without a persistent session, or what was left by an earlier hub.
        shares.stalledLogs.insert(filter)
    }

    mutating func removeShareLog(_ log: FilterLog, _ filter: TopicFilter) {
        guard shares.logs[filter]?.topicID == log.topicID else { return }
        shares.logs[filter] = nil
        shares.logFilters[log.topicID] = nil
        shares.changedLogs.remove(filter)
        shares.stalledLogs.remove(filter)
        hub.shareJournal.forget(log.topicID)
        if let topic = topicIndex[log.topicID] { releaseTopic(topic) }
    }

    // MARK: From the log to the members

    /// An entry has come to the end of a log. Whoever became a member before it was published has its turn, so it waits in the list.
    mutating func noteShared(_ entry: LogEntry) {
        guard let filter = shares.logFilters[entry.topic.id] else { return }
        shares.work.append(.committed(filter, entry))
    }

    /// Offers the group as many entries as it has room for; older ones are read first.
    mutating func feedShare(_ filter: TopicFilter, newest: LogEntry? = nil, io: inout Connections) {
        if let newest { shares.logs[filter]?.extend(to: newest.seq) }
        while let (topicID, next, end) = shares.logs[filter].map({ ($0.topicID, $0.next, $0.end) }),
            let topic = topicIndex[topicID]
        {
            let room = shares.room(filter)
            guard room > 0, next <= end else { return }
            if let newest, newest.seq == next {
                offer(newest, to: filter, io: &io)
            } else if let recent = topics[Int(topic)].recentEntry(next) {
                offer(recent, to: filter, io: &io)
            } else {
                // A page at a time: a read for each entry that is done with would be many.
                if room >= Limits.shareAheadMax / 2 { readShareLog(filter, topics[Int(topic)].topic, after: next - 1) }
                return
            }
        }
    }

    private mutating func offer(_ entry: LogEntry, to filter: TopicFilter, io: inout Connections) {
        let message = PlainMessage(PlainEntry(entry))
        guard Expiry(waited: message.expiresAt, now: hub.services.wallMilliseconds()) != nil else {
            hub.metrics.dropped.add(1)
            shares.logs[filter]?.skip(upTo: entry.seq)
            shares.changedLogs.insert(filter)
            return
        }
        guard let number = shares.logs[filter]?.offer(entry.seq) else { return }
        let place = SharedMessage.Entry(topicID: entry.topic.id, seq: entry.seq)
        alter(filter, io: &io) { $0.offer(SharedMessage(number: number, message: message, entry: place)) }
    }

    private mutating func readShareLog(_ filter: TopicFilter, _ topic: StoredTopic, after seq: Int64) {
        guard shares.logs[filter]?.isReading == false else { return }
        shares.logs[filter]?.isReading = true
        Task { [hub, index] in
            let entries = await hub.read(topic, after: seq, limit: Limits.catchUpEntriesMax)
            hub.mailroom.post(.shareLogRead(topicID: topic.id, after: seq, entries: entries), to: index)
        }
    }

    mutating func shareLogRead(_ topicID: Int64, after seq: Int64, _ entries: [LogEntry]?, io: inout Connections) {
        guard let filter = shares.logFilters[topicID], let end = shares.logs[filter]?.end else { return }
        shares.logs[filter]?.isReading = false
        guard let entries else {
            shares.stalledLogs.insert(filter)
            return
        }
        // Entries that somebody gave back meanwhile come first; these are then read again.
        if shares.logs[filter]?.next == seq + 1 { skipMissing(before: entries.first?.seq ?? end + 1, filter) }
        for entry in entries where entry.seq <= end && entry.seq == shares.logs[filter]?.next {
            guard shares.room(filter) > 0 else { break }
            offer(entry, to: filter, io: &io)
        }
        feedShare(filter, io: &io)
    }

    /// What is no longer in the log can't be waited for.
    private mutating func skipMissing(before seq: Int64, _ filter: TopicFilter) {
        guard let next = shares.logs[filter]?.next, next < seq else { return }
        shares.logs[filter]?.skip(upTo: seq - 1)
        shares.changedLogs.insert(filter)
    }

    // MARK: What became of it

    /// An entry that is done with.
    mutating func settleLogged(_ shared: SharedMessage, _ filter: TopicFilter) {
        guard let entry = shared.entry, shares.logs[filter]?.topicID == entry.topicID else { return }
        shares.logs[filter]?.settle(entry.seq)
        shares.changedLogs.insert(filter)
    }

    /// Nobody is left who could take these. The log has, or gets, what persistent sessions are to find there.
    mutating func takeBack(_ messages: [SharedMessage], _ filter: TopicFilter, io: inout Connections) {
        guard let topicID = shares.logs[filter]?.topicID else {
            hub.metrics.dropped.add(UInt64(messages.count))
            return
        }
        shares.logs[filter]?.takeBack(messages.compactMap { $0.entry?.topicID == topicID ? $0.entry?.seq : nil })
        for shared in messages where shared.entry?.topicID != topicID {
            // It was handed over before its publisher's shard knew of the log.
            append(shared.message, id: hub.services.ids.next(), to: [topicID], token: 0, io: &io)
        }
    }

    // MARK: Saving

    /// Every few seconds: a crash then makes some messages come again.
    mutating func saveShareLogs() {
        var changed: [Int64: Consumption] = [:]
        for filter in shares.changedLogs {
            if let log = shares.logs[filter] { changed[log.topicID] = log.consumption }
        }
        shares.changedLogs = []
        hub.shareJournal.save(changed)
    }

    /// Tries again what could not be read.
    mutating func feedStalledShares(io: inout Connections) {
        let stalled = shares.stalledLogs
        shares.stalledLogs = []
        for filter in stalled { feedShare(filter, io: &io) }
    }
}

extension PlainMessage {
    /// As it was published.
    init(_ entry: PlainEntry) {
        self.init(
            topic: entry.topic, payload: entry.payload, qos: entry.qos, retain: entry.retain,
            forwarded: entry.forwarded, expiresAt: entry.expiresAt, publisher: entry.publisher)
    }
}
