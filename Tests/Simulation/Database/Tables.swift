import Topics

@testable import Persistence

/// What PostgreSQL has committed. Each change is a transaction: done as a whole, or not begun.
struct Tables {
    struct Log {
        var topic: StoredTopic
        /// Ascending; of the logs of filters some are deleted.
        var entries: [LogEntry] = []
        var lastSeq: Int64 = 0
        /// The seq of each entry by what makes it unique.
        var seqs: [Key: Int64] = [:]

        /// Where the entries that follow `seq` begin.
        func index(after seq: Int64) -> Int {
            var start = 0, end = entries.count
            while start < end {
                let middle = (start + end) / 2
                if entries[middle].seq > seq { end = middle } else { start = middle + 1 }
            }
            return start
        }

        func entry(_ seq: Int64) -> LogEntry? {
            let index = index(after: seq - 1)
            return index < entries.count && entries[index].seq == seq ? entries[index] : nil
        }
    }

    struct Key: Hashable {
        var sender: Int64
        var key: IdempotencyKey
    }

    struct Member {
        var role: GroupRole
        var joinedSeq: Int64
    }

    /// A user may read a group from the entry that let it in up to the one that put it out.
    struct Access {
        var from: Int64
        /// nil: it goes on.
        var end: Int64?
        /// The step of the simulation at which the shards were told of its end; until then they cannot all know.
        var endStep = Int.max
    }

    struct SessionRow {
        var id: Int64
        var user: Int64
        var clientID: [UInt8]
        var state = PackedState()
        var subscriptions: [[UInt8]: StoredSubscription] = [:]
        var isConnected = true
    }

    /// A session's state as its columns have it.
    struct PackedState {
        var cursors: [UInt8] = [], outbound: [UInt8] = [], inbound: [UInt8] = [], packets: [UInt8] = []
    }

    struct FilterRow {
        var topicID: Int64
        var consumption = Consumption()
    }

    struct WillRow {
        var will: StoredWill
        /// Unix milliseconds; nil: the client is connected.
        var dueAt: Int64?
    }

    static let users: ClosedRange<Int64> = 1...4
    static let groups: [Int64] = [10, 11, 12]
    /// Whose members change.
    static let volatileGroups: [Int64] = [11, 12]
    static let direct = StoredTopic(id: 100, address: .direct(low: 1, high: 2))

    var logs: [Int64: Log] = [:]
    var members: [Int64: [Int64: Member]] = [:]
    var areFriends = true
    /// By group, then by user.
    var access: [Int64: [Int64: [Access]]] = [:]
    var sessions: [Int64: SessionRow] = [:]
    var filterLogs: [[UInt8]: FilterRow] = [:]
    var wills: [WillRow] = []

    init() {
        for user in Self.users { addLog(StoredTopic(id: user, address: .inbox(user: user))) }
        for group in Self.groups {
            addLog(StoredTopic(id: group, address: .group(group)))
            members[group] = [:]
            access[group] = [:]
        }
        addLog(Self.direct)
    }

    mutating func addLog(_ topic: StoredTopic) { logs[topic.id] = Log(topic: topic) }

    /// The log with that name in the table of topics.
    func log(named name: String) -> Log? {
        logs.values.first { log in
            if case .filterLog = log.topic.address { return false }
            var bytes: [UInt8] = []
            log.topic.address.appendName(to: &bytes)
            return bytes == Array(name.utf8)
        }
    }

    /// Whether a user may have been sent an entry of a topic.
    /// - Parameters:
    ///   - opened: the step at which the connection was opened: what the user could read before the end of its access may come.
    ///   - informed: a step at which the shard knew all that it had been told, before it wrote what the client reads now.
    func mayRead(_ user: Int64, _ topic: StoredTopic, _ seq: Int64, since opened: Int, informed: Int) -> Bool {
        switch topic.address {
        case .inbox(let owner): owner == user
        case .direct(let low, let high): low == user || high == user
        case .group(let group):
            access[group]?[user]?.contains { access in
                access.from <= seq
                    && (access.endStep >= informed || seq < access.end ?? .max && access.endStep > opened)
            } ?? false
        case .filterLog: false
        }
    }
}
