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
    let loads = Gate(), subscriptionSaves = Gate(), deletions = Gate(), cursorSaves = Gate()

    var all: [Row] { rows.withLock { Array($0.values) } }

    func load(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> StoredSession? {
        await loads.pass()
        return rows.withLock { rows in
            let key = SessionKey(userID: user, clientID: clientID)
            guard let id = rows.first(where: { $0.value.key == key })?.key else { return nil }
            rows[id]?.leftWithExpiry = nil
            return rows[id]?.stored
        }
    }

    func create(id: Int64, user: Int64, clientID: [UInt8]) async throws -> [Int64] {
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

    func saveCursors(_ sessions: [(id: Int64, cursors: [Persistence.Cursor])]) async throws(DatabaseError) {
        await cursorSaves.pass()
        rows.withLock { rows in for session in sessions { rows[session.id]?.stored.cursors = session.cursors } }
    }

    func leave(_ session: Int64, expirySeconds: Int64) async throws(DatabaseError) {
        rows.withLock { $0[session]?.leftWithExpiry = expirySeconds }
    }

    func delete(_ session: Int64) async throws(DatabaseError) { rows.withLock { $0[session] = nil } }
    func keep(_ sessions: [Int64]) async throws(DatabaseError) {}

    func countAbsent() async throws(DatabaseError) -> Int {
        rows.withLock { rows in rows.values.count { $0.leftWithExpiry != nil } }
    }
}

/// Rights as PostgreSQL would know them.
final class TestRights: RightsSource, LoginSource {
    private let users = Mutex<[Int64: UserRights]>([:])
    let loads = Gate()

    func set(_ user: Int64, groups: [UserRights.Group] = [], directs: [UserRights.Direct] = [], inboxLastSeq: Int64 = 0)
    {
        let rights = UserRights(
            userID: user, username: "user\(user)", isEnabled: true, isSessionLive: true, inboxLastSeq: inboxLastSeq,
            groups: groups, directs: directs)
        users.withLock { $0[user] = rights }
    }

    /// What was read before the gate is answered after it: a slow answer is an old one.
    func loadRights(userID: Int64, sessionID: Int64?) async throws(DatabaseError) -> UserRights? {
        let rights = users.withLock { $0[userID] }
        await loads.pass()
        return rights
    }

    func admit(userID: Int64, sessionID: Int64, accessExpiresAt: Int64) async throws(DatabaseError) -> Bool { true }

    static func group(
        _ id: Int64, role: GroupRole = .member, announcement: Bool = false, lastSeq: Int64 = 0, joinedSeq: Int64 = 1
    ) -> UserRights.Group {
        UserRights.Group(groupID: id, role: role, announcement: announcement, lastSeq: lastSeq, joinedSeq: joinedSeq)
    }
}

extension StoredTopic {
    static func testGroup(_ id: Int64) -> StoredTopic { StoredTopic(id: id, address: .group(id)) }
    static func testInbox(_ user: Int64) -> StoredTopic { StoredTopic(id: user, address: .inbox(user: user)) }
}
