import Synchronization
import Topics

@testable import Broker
@testable import Persistence

/// Durable sessions in memory.
final class TestSessions: SessionSource {
    struct Row {
        var key: SessionKey
        var stored: StoredSession
        var leftWithExpiry: Int64?
    }

    private let rows = Mutex<[Int64: Row]>([:])
    /// Whether there is no room for a new one.
    let isFull = Mutex(false)
    let loads = Gate(), subscriptionSaves = Gate(), deletions = Gate(), stateSaves = Gate()

    private let logs: TestFilterLogs

    /// - Parameter earlier: whose rows it has.
    init(logs: TestFilterLogs, after earlier: TestSessions? = nil) {
        self.logs = logs
        guard let all = earlier?.rows.withLock({ $0 }) else { return }
        rows.withLock { $0 = all }
    }

    var all: [Row] { rows.withLock { Array($0.values) } }

    func load(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> StoredSession? {
        await loads.pass()
        return rows.withLock { rows in
            let key = SessionKey(userID: user, clientID: clientID)
            guard let id = rows.first(where: { $0.value.key == key })?.key else { return nil }
            rows[id]?.leftWithExpiry = nil
            guard var stored = rows[id]?.stored else { return nil }
            for index in stored.subscriptions.indices where stored.subscriptions[index].options & 3 > 0 {
                stored.subscriptions[index].log = logs.existing(stored.subscriptions[index].filter)
            }
            return stored
        }
    }

    func create(id: Int64, user: Int64, clientID: [UInt8]) async throws -> [Int64]? {
        if isFull.withLock({ $0 }) { return nil }
        try await discard(user: user, clientID: clientID)
        rows.withLock {
            $0[id] = Row(key: SessionKey(userID: user, clientID: clientID), stored: StoredSession(id: id))
        }
        return []
    }

    func discard(user: Int64, clientID: [UInt8]) async throws(DatabaseError) {
        let key = SessionKey(userID: user, clientID: clientID)
        rows.withLock { rows in rows = rows.filter { $0.value.key != key } }
    }

    func save(_ subscriptions: [StoredSubscription], of session: Int64) async throws(DatabaseError) {
        await subscriptionSaves.pass()
        rows.withLock { rows in
            for subscription in subscriptions {
                rows[session]?.stored.subscriptions.removeAll { $0.filter == subscription.filter }
                rows[session]?.stored.subscriptions.append(subscription)
            }
        }
    }

    func deleteSubscriptions(_ filters: [[UInt8]], of session: Int64) async throws(DatabaseError) {
        await deletions.pass()
        rows.withLock { $0[session]?.stored.subscriptions.removeAll { filters.contains($0.filter) } }
    }

    func save(_ sessions: [(id: Int64, state: SessionState)]) async throws(DatabaseError) {
        await stateSaves.pass()
        rows.withLock { rows in for session in sessions { rows[session.id]?.stored.state = session.state } }
    }

    func leave(_ session: Int64, expirySeconds: Int64) async throws(DatabaseError) {
        rows.withLock { $0[session]?.leftWithExpiry = expirySeconds }
    }

    func delete(_ session: Int64) async throws(DatabaseError) { rows.withLock { $0[session] = nil } }
    func keep(_ sessions: [Int64]) async throws(DatabaseError) {}

    func forget(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> Bool {
        let key = SessionKey(userID: user, clientID: clientID)
        return rows.withLock { rows in
            defer { rows = rows.filter { $0.value.key != key } }
            return rows.values.contains { $0.key == key }
        }
    }

    func markAbsent(ofUser user: Int64, but connected: [[UInt8]]) async throws(DatabaseError) -> Bool { false }

    func countAbsent() async throws(DatabaseError) -> Int {
        rows.withLock { rows in rows.values.count { $0.leftWithExpiry != nil } }
    }
}

/// The logs of plain filters in memory; their entries are in the `TestLog`.
final class TestFilterLogs: FilterLogSource {
    private struct State {
        var byFilter: [[UInt8]: Int64] = [:]
        var consumptions: [Int64: Consumption] = [:]
    }

    private let state = Mutex(State())
    private let log: TestLog
    let saves = Gate()

    /// - Parameter earlier: whose rows it has.
    init(log: TestLog, after earlier: TestFilterLogs? = nil) {
        self.log = log
        guard let all = earlier?.state.withLock({ $0 }) else { return }
        state.withLock { $0 = all }
    }

    func logs(of filters: [[UInt8]], ids: [Int64]) async throws -> [FilterLog] {
        state.withLock { state in
            for (filter, id) in zip(filters, ids) where state.byFilter[filter] == nil { state.byFilter[filter] = id }
        }
        return filters.compactMap(existing)
    }

    func save(_ consumptions: [Int64: Consumption]) async throws(DatabaseError) -> [Int64] {
        await saves.pass()
        state.withLock { $0.consumptions.merge(consumptions) { _, new in new } }
        return Array(consumptions.keys)
    }

    func existing(_ filter: [UInt8]) -> FilterLog? {
        let (found, consumption) = state.withLock { state in
            (state.byFilter[filter], state.byFilter[filter].flatMap { state.consumptions[$0] })
        }
        return found.map {
            FilterLog(topicID: $0, filter: filter, lastSeq: log.end(of: $0), consumption: consumption ?? Consumption())
        }
    }

    /// As they are read when a hub starts.
    func all(_ sessions: TestSessions) -> [FilterLog] {
        var logs = state.withLock { Array($0.byFilter.keys) }.compactMap(existing)
        for delivery in sessions.all.flatMap(\.stored.state.deliveries) {
            guard let place = logs.firstIndex(where: { $0.topicID == delivery.topicID }) else { continue }
            logs[place].consumption.taken.insert(delivery.seq)
        }
        return logs
    }

    func remove(_ filter: [UInt8]) { state.withLock { $0.byFilter[filter] = nil } }
}

/// Rights as PostgreSQL would know them.
final class TestRights: RightsSource, LoginSource {
    private let users = Mutex<[Int64: UserRights]>([:])
    let loads = Gate()

    func set(
        _ user: Int64, groups: [UserRights.Group] = [], directs: [UserRights.Direct] = [], inboxLastSeq: Int64 = 0,
        isEnabled: Bool = true
    ) {
        let rights = UserRights(
            userID: user, username: "user\(user)", isEnabled: isEnabled,
            inboxLastSeq: inboxLastSeq, groups: groups, directs: directs)
        users.withLock { $0[user] = rights }
    }

    /// What was read before the gate is answered after it: a slow answer is an old one.
    func loadRights(userID: Int64) async throws(DatabaseError) -> UserRights? {
        let rights = users.withLock { $0[userID] }
        await loads.pass()
        return rights
    }

    func memberCount(of group: Int64) async throws(DatabaseError) -> (members: Int, seq: Int64)? { (3, 0) }

    func admit(userID: Int64, sessionID: Int64, accessExpiresAt: Int64) async throws(DatabaseError) -> Bool { true }

    /// Tokens of bots that are good.
    let botTokens = Mutex<Set<Int64>>([])
    let admissions = Gate()

    func admit(userID: Int64, botTokenID: Int64) async throws(DatabaseError) -> Bool {
        let isGood = botTokens.withLock { $0.contains(botTokenID) }
        await admissions.pass()
        return isGood
    }

    /// Topics that services find.
    let topics = Mutex<[TopicAddress: FoundTopic]>([:])
    let lookups = Gate()

    func topic(at address: TopicAddress) async throws(DatabaseError) -> FoundTopic? {
        await lookups.pass()
        return topics.withLock { $0[address] }
    }

    static func direct(_ other: Int64, topicID: Int64) -> UserRights.Direct {
        UserRights.Direct(otherID: other, topicID: topicID, lastSeq: 0, writable: true)
    }

    static func group(
        _ id: Int64, role: GroupRole = .member, announcement: Bool = false, lastSeq: Int64 = 0, joinedSeq: Int64 = 1,
        memberCount: Int64 = 3, firstSeq: Int64 = 1
    ) -> UserRights.Group {
        UserRights.Group(
            groupID: id, role: role, announcement: announcement, lastSeq: lastSeq, joinedSeq: joinedSeq,
            memberCount: memberCount, firstSeq: firstSeq)
    }
}

extension StoredTopic {
    static func testGroup(_ id: Int64) -> StoredTopic { StoredTopic(id: id, address: .group(id)) }
    static func testInbox(_ user: Int64) -> StoredTopic { StoredTopic(id: user, address: .inbox(user: user)) }
}
