import MQTT
import Persistence
import Topics
import Transport

// Plain topics for persistent sessions. What is published at QoS 1 or 2 and matched by a filter that a persistent session has is appended
// to the log of that filter, and delivered from there: live, and to who comes back, by the same cursors as chat (docs/decisions/0007).
extension Shard {
    // MARK: Filters with a log

    /// In the index of subscriptions a log stands as a session of its own, far below those for other shards.
    private static let firstLogSession = Int32.min
    static func isLog(_ session: Int32) -> Bool { session < firstLogSession / 2 }

    /// The log behind such a number.
    func logTopic(_ session: Int32) -> StoredTopic { filterLogs[Int(session - Self.firstLogSession)].topic }

    /// From now on this shard appends to the log. One that is new may come before it is heard that the filter's last one is gone.
    mutating func addLog(_ log: FilterLog) {
        guard !knows(log), let filter = try? TopicFilter(validating: log.filter) else { return }
        if let place = filterLogIndex[log.filter] { removeLog(filterLogs[Int(place)]) }
        let place: Int32
        if let free = freeFilterLogs.popLast() {
            place = free
            filterLogs[Int(place)] = log
        } else {
            place = Int32(filterLogs.count)
            filterLogs.append(log)
        }
        filterLogIndex[log.filter] = place
        _ = subscriptions.insert(
            filter, Subscription(session: Self.firstLogSession + place, options: DeliveryOptions(qos: 2)))
        if filter.isShared { addShareLog(log, filter) }
    }

    /// A log that this shard may be the first to know of.
    mutating func announce(_ log: FilterLog) {
        guard !knows(log) else { return }
        addLog(log)
        hub.mailroom.postToOthers(.filterLogAdded(log), from: index)
    }

    /// This one, or one that was made later.
    private func knows(_ log: FilterLog) -> Bool {
        filterLogIndex[log.filter].map { filterLogs[Int($0)].topicID >= log.topicID } ?? false
    }

    mutating func removeLog(_ log: FilterLog) {
        guard let place = filterLogIndex[log.filter], filterLogs[Int(place)].topicID == log.topicID,
            let filter = try? TopicFilter(validating: log.filter)
        else { return }
        _ = subscriptions.remove(filter, session: Self.firstLogSession + place)
        filterLogIndex[log.filter] = nil
        freeFilterLogs.append(place)
        if filter.isShared { removeShareLog(log, filter) }
    }

    /// Whether a subscription needs the log of its filter: for itself, or for all members if it is shared.
    func wantsLog(_ subscribed: Session.Subscribed, _ session: Int32) -> Bool {
        sessions[Int(session)].isPersistent && subscribed.options.qos.isAcknowledged
            && subscribed.filter.reachesPlain && sessions[Int(session)].rules.allowsSubscriptions
    }

    // MARK: Cursors

    /// Gives a session a cursor in the log of one of its filters; one that is there stays where it is.
    mutating func cover(_ log: FilterLog, by session: Int32, from seq: Int64) {
        let place = Int(session)
        guard !log.isShared, !sessions[place].cursors.contains(where: { $0.topic >= 0 && $0.topicID == log.topicID })
        else { return }
        let topic = holdTopic(log.topic, lastSeq: log.lastSeq)
        var cursor = LogCursor(
            topic: topic, topicID: log.topicID, sent: seq, acknowledged: seq, qos: .exactlyOnce, identifiers: [])
        cursor.isFilterLog = true
        addCursor(cursor, of: session)
    }

    /// The session has given up the filter.
    mutating func uncoverLog(of filter: [UInt8], session: Int32) {
        if let topic = logTopic(of: filter) { uncover(topic, of: session) }
    }

    /// The filter's log in the table of topics, if a session here reads it.
    func logTopic(of filter: [UInt8]) -> Int32? {
        filterLogIndex[filter].flatMap { topicIndex[filterLogs[Int($0)].topicID] }
    }

    // MARK: Publishing

    /// Appends a message to the logs of all filters that match it. Each outcome is told under the token; 0: to nobody.
    mutating func append(
        _ message: PlainMessage, id: Int64, to logs: [Int64], token: UInt64, io: inout Connections
    ) {
        guard !logs.isEmpty else { return }
        let suffix = PlainEntry.encode(message, hasCopies: logs.count > 1)
        for log in logs {
            let append = Append(
                topic: StoredTopic(id: log, address: .filterLog(log)), id: id, senderID: message.publisher.userID,
                kind: .plain, key: IdempotencyKey(entryID: id), suffix: suffix)
            guard !hub.services.log.append(append, origin: .shard(index: index, token: token)) else { continue }
            if token != 0 { resolve(token, .unavailable, io: &io) } else { hub.metrics.refused.add(1) }
        }
    }

    // MARK: Delivering

    /// How a session gets a message from a log.
    struct LoggedDelivery {
        var qos: QoS
        var retain: Bool
        var identifiers: [UInt32]
        /// What is left of the expiry; nil: there is none.
        var expirySeconds: UInt32?
    }

    /// nil: it does not get it. The session has room for it.
    mutating func delivery(of message: PlainEntry, id: Int64, log: Int64, to session: Int32) -> LoggedDelivery? {
        let place = Int(session)
        guard sessions[place].rules.mayReceive(message.topic.span), !sessions[place].copies.cameLive(id, log: log)
        else {
            return nil
        }
        var delivery = LoggedDelivery(qos: .atMostOnce, retain: false, identifiers: [])
        var isWanted = false, logsCount = 0
        for subscribed in sessions[place].subscriptions
        where !subscribed.filter.isShared && subscribed.filter.matches(message.topic.span) {
            if subscribed.isLogged { logsCount += 1 }
            // Its own message reaches it by the other subscriptions alone [MQTT-3.8.3-3].
            if subscribed.options.noLocal, message.publisher == sessions[place].key { continue }
            isWanted = true
            delivery.qos = max(delivery.qos, subscribed.options.qos)
            if subscribed.options.retainAsPublished { delivery.retain = message.retain }
            if subscribed.identifier != 0 { delivery.identifiers.append(subscribed.identifier) }
        }
        guard logsCount > 0, isWanted else { return nil }
        delivery.qos = QoS.lower(delivery.qos, message.qos)
        if message.expiresAt != 0 {
            let left = message.expiresAt - hub.services.wallMilliseconds()
            guard left > 0 else { return nil }
            delivery.expirySeconds = UInt32(clamping: (left + 999) / 1000)
        }
        guard !message.hasCopies || logsCount == 1 || sessions[place].copies.isFirst(of: logsCount, id: id) else {
            return nil
        }
        return delivery
    }
}

/// Messages that a session has got from one of several logs, or live: from the others it does not get them again.
struct Copies {
    /// More are forgotten, and may come twice, as MQTT allows for overlapping filters (MQTT 5 §3.3.4).
    private static let countMax = 4_096
    /// What came live so long before an entry was published comes no more.
    private static let liveMilliseconds: Int64 = 60_000
    /// Copies that are still to come, by message.
    private var left: [Int64: Int] = [:]
    /// Messages that came live while a subscription changed over to its log.
    private var live: Set<LiveEntry> = []
    private var lastLive: Int64 = 0

    mutating func isFirst(of count: Int, id: Int64) -> Bool {
        guard let rest = left[id] else {
            if left.count < Self.countMax { left[id] = count - 1 }
            return true
        }
        left[id] = rest == 1 ? nil : rest - 1
        return false
    }

    mutating func noteLive(_ ids: [Int64], log: Int64) {
        for id in ids { live.insert(LiveEntry(log: log, id: id)) }
        lastLive = max(lastLive, ids.max() ?? 0)
    }

    /// Whether an entry of a log came live.
    mutating func cameLive(_ id: Int64, log: Int64) -> Bool {
        guard !live.isEmpty else { return false }
        let age = IDGenerator.milliseconds(of: id) - IDGenerator.milliseconds(of: lastLive)
        if age > Self.liveMilliseconds { live = [] }
        return live.contains(LiveEntry(log: log, id: id))
    }
}
