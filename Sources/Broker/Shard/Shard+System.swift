import MQTT
import Topics
import Transport

/// `$SYS` on one shard: the current values, and who listens.
struct SystemFeed {
    /// A session with filters under `$SYS`.
    struct Listener {
        var filters: Set<TopicFilter> = []
        /// Those that get the current values once SUBACK is sent.
        var pending: [TopicFilter] = []
    }

    var listeners: [Int32: Listener] = [:]
    fileprivate var values: [SystemValue] = []
    /// Of the first shard, which makes the values for all.
    fileprivate var topics = SystemTopics()
    fileprivate var nextPublication: Int64 = 0
}

// Statistics under `$SYS/broker`. They act like retained messages of QoS 0: who subscribes gets the current values, then those that change.
extension Shard {
    // MARK: Collecting

    /// Puts the shard's counters where others see them. The first shard makes the values every ten seconds and sends them to all.
    mutating func tickStatistics(io: inout Connections) {
        counters.packetsSent = io.framesAppended
        counters.bytesSent = io.frameBytesAppended
        counters.clientsConnected = sessionBySerial.count
        let isFirst = system.nextPublication == 0
        let isDue = io.now >= system.nextPublication
        if isDue {
            // In step, whatever a tick is late by: averages count on the time between samples.
            system.nextPublication =
                isFirst
                ? io.now + Limits.statisticsMilliseconds : system.nextPublication + Limits.statisticsMilliseconds
            countSubscriptions()
        }
        hub.board.post(counters, of: index)
        guard isDue, index == 0 else { return }
        let values = system.topics.values(of: hub.statistics(), isSample: !isFirst)
        hub.mailroom.postToOthers(.system(values), from: index)
        publishSystem(values, io: &io)
        hub.countInDatabase()
    }

    private mutating func countSubscriptions() {
        counters.subscriptions = 0
        counters.sharedSubscriptions = 0
        for session in sessions.indices {
            counters.subscriptions += sessions[session].subscriptions.count
            for subscribed in sessions[session].subscriptions where subscribed.filter.isShared {
                counters.sharedSubscriptions += 1
            }
        }
    }

    // MARK: Subscriptions

    /// `$SYS` and what is below it, for operators; other topics that begin with `$` are nobody's.
    func maySubscribeSystem(_ filter: TopicFilter, _ session: Int32) -> Bool {
        let root = Array("$SYS".utf8)
        guard !filter.isShared, filter.bytes.starts(with: root) else { return false }
        let isRoot = filter.bytes.count == root.count || filter.bytes[root.count] == UInt8(ascii: "/")
        return isRoot && sessions[Int(session)].mayReadSystem
    }

    /// A SUBSCRIBE asks for the current values, as its retain handling says (MQTT 5 §3.8.3.1).
    mutating func requestSystemValues(_ subscribed: Session.Subscribed, of session: Int32) {
        let filter = subscribed.filter
        let isNew = system.listeners[session]?.filters.contains(filter) != true
        switch subscribed.options.retainHandling {
        case .sendAtSubscribe: break
        case .sendIfNew: guard isNew else { return }
        case .doNotSend: return
        }
        system.listeners[session, default: SystemFeed.Listener()].pending.append(filter)
    }

    mutating func insertSystem(_ filter: TopicFilter, of session: Int32) {
        system.listeners[session, default: SystemFeed.Listener()].filters.insert(filter)
    }

    mutating func removeSystem(_ filter: TopicFilter, of session: Int32) {
        guard var listener = system.listeners[session] else { return }
        listener.filters.remove(filter)
        listener.pending.removeAll { $0 == filter }
        system.listeners[session] = listener.filters.isEmpty ? nil : listener
    }

    // MARK: Delivery

    /// SUBACK is sent: what it promises follows.
    mutating func sendSystemValues(_ session: Int32, io: inout Connections) {
        guard let pending = system.listeners[session]?.pending, !pending.isEmpty else { return }
        system.listeners[session]?.pending = []
        for filter in pending {
            guard let found = sessions[Int(session)].subscriptions.first(where: { $0.filter == filter }) else {
                continue
            }
            for value in system.values where filter.matches(value.topic.span) {
                frames.reset()
                guard sessions[Int(session)].mayReadSystem else { return }
                sendVolatile(
                    value.topic, value.payload, to: session, retain: true,
                    found.identifier == 0 ? [] : [found.identifier], io: &io)
            }
        }
    }

    mutating func publishSystem(_ values: [SystemValue], io: inout Connections) {
        let last = system.values
        system.values = values
        guard !system.listeners.isEmpty else { return }
        let listeners = system.listeners
        for value in values where !last.contains(value) {
            frames.reset()
            for (session, listener) in listeners where sessions[Int(session)].mayReadSystem {
                let matching = sessions[Int(session)].subscriptions.filter {
                    listener.filters.contains($0.filter) && $0.filter.matches(value.topic.span)
                }
                guard !matching.isEmpty else { continue }
                sendVolatile(
                    value.topic, value.payload, to: session,
                    retain: matching.contains { $0.options.retainAsPublished },
                    matching.map(\.identifier).filter { $0 != 0 }, io: &io)
            }
        }
    }
}
