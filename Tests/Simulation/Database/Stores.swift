import Broker
import Topics

@testable import Persistence

/// One hub's way to the database, in place of the product's stores.
struct Stores: Sendable {
    let database: SimulatedDatabase
    let life: Int

    private func call<Result>(
        _ name: StaticString, _ body: @escaping (inout Tables) -> Result
    ) async throws(DatabaseError) -> Result {
        try await database.call(life, name, body)
    }
}

extension Stores: SessionSource {
    func load(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> StoredSession? {
        try await call("load session") { $0.loadSession(user: user, clientID: clientID) }
    }

    func create(id: Int64, user: Int64, clientID: [UInt8]) async throws -> [Int64]? {
        try await call("create session") { $0.createSession(id: id, user: user, clientID: clientID) }
        return []
    }

    func discard(user: Int64, clientID: [UInt8]) async throws(DatabaseError) {
        try await call("discard session") { $0.discardSession(user: user, clientID: clientID) }
    }

    func save(_ subscriptions: [StoredSubscription], of session: Int64) async throws(DatabaseError) {
        try await call("save subscriptions") { $0.save(subscriptions, of: session) }
    }

    func deleteSubscriptions(_ filters: [[UInt8]], of session: Int64) async throws(DatabaseError) {
        try await call("delete subscriptions") { tables in
            for filter in filters { tables.sessions[session]?.subscriptions[filter] = nil }
        }
    }

    func save(_ sessions: [(id: Int64, state: SessionState)]) async throws(DatabaseError) {
        try await call("save sessions") { $0.save(sessions) }
    }

    func leave(_ session: Int64, expirySeconds: Int64) async throws(DatabaseError) {
        try await call("leave session") { $0.sessions[session]?.isConnected = false }
    }

    func delete(_ session: Int64) async throws(DatabaseError) {
        try await call("delete session") { $0.sessions[session] = nil }
    }

    func keep(_ sessions: [Int64]) async throws(DatabaseError) {}

    func forget(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> Bool {
        preconditionFailure("nobody asks for it")
    }

    func markAbsent(ofUser user: Int64, but connected: [[UInt8]]) async throws(DatabaseError) -> Bool {
        preconditionFailure("there is always room")
    }

    func countAbsent() async throws(DatabaseError) -> Int {
        try await call("count sessions") { tables in tables.sessions.values.count { !$0.isConnected } }
    }
}

extension Stores: FilterLogSource {
    func logs(of filters: [[UInt8]], ids: [Int64]) async throws -> [FilterLog] {
        try await call("make filter logs") { $0.makeFilterLogs(filters, ids: ids) }
    }

    func save(_ consumptions: [Int64: Consumption]) async throws(DatabaseError) -> [Int64] {
        try await call("save consumptions") { tables in
            for (filter, row) in tables.filterLogs {
                guard let consumption = consumptions[row.topicID] else { continue }
                tables.filterLogs[filter]!.consumption = consumption
            }
            return Array(consumptions.keys)
        }
    }
}

extension Stores: RightsSource, LoginSource {
    func loadRights(userID: Int64) async throws(DatabaseError) -> UserRights? {
        try await call("load rights") { $0.rights(of: userID) }
    }

    func memberCount(of group: Int64) async throws(DatabaseError) -> (members: Int, seq: Int64)? {
        try await call("count members") { tables in
            tables.members[group].map { ($0.count, tables.logs[group]!.lastSeq) }
        }
    }

    func topic(at address: TopicAddress) async throws(DatabaseError) -> FoundTopic? {
        preconditionFailure("there are no services")
    }

    func admit(userID: Int64, sessionID: Int64, accessExpiresAt: Int64) async throws(DatabaseError) -> Bool { true }

    func admit(userID: Int64, botTokenID: Int64) async throws(DatabaseError) -> Bool {
        preconditionFailure("there are no bots")
    }
}

/// Nobody comes from outside.
extension Stores: SubjectSource {
    func userID(issuer: String, subject: String) async throws(DatabaseError) -> Int64? { nil }

    func userID(
        issuer: String, subject: String, orMake user: SubjectStore.NewUser
    ) async throws(DatabaseError) -> Int64 {
        preconditionFailure("only an outside issuer's token asks for this")
    }
}

/// Nobody reads receipts or presence in the simulation.
extension Stores: ReadMarkSource {
    func markRead(_ topic: StoredTopic, upTo seq: Int64, by userID: Int64) async throws(DatabaseError) {}

    func noteLastSeen(_ userID: Int64, at milliseconds: Int64) async throws(DatabaseError) {
        try await call("note last seen") { _ in }
    }

    func lastSeen(of users: [Int64]) async throws(DatabaseError) -> [Int64: Int64] {
        try await call("last seen") { _ in [:] }
    }
}

extension Stores: WillSource {
    func connect(
        user: Int64, clientID: [UInt8], continuesSession: Bool, will: StoredWill?, now: Int64
    ) async throws(DatabaseError) -> Bool {
        try await call("connect will") { tables in
            tables.connectWill(
                user: user, clientID: clientID, continuesSession: continuesSession, will: will, now: now)
        }
    }

    func setRules(_ rules: [UInt8]?, of id: Int64) async throws(DatabaseError) {}

    func record(_ changes: WillChanges) async throws(DatabaseError) {
        try await call("record wills") { $0.record(changes) }
    }

    func endDelaysWithoutSession(ofUser user: Int64, now: Int64) async throws(DatabaseError) -> Bool { false }

    func due(at now: Int64, except: [Int64], limit: Int) async throws(DatabaseError) -> [StoredWill] {
        try await call("due wills") { $0.dueWills(at: now, except: except, limit: limit) }
    }

    func nextDue(except: [Int64]) async throws(DatabaseError) -> Int64? {
        try await call("next will") { tables in
            tables.wills.filter { !except.contains($0.will.id) }.compactMap(\.dueAt).min()
        }
    }

    func setEntries(_ entries: [(id: Int64, entryID: Int64)]) async throws(DatabaseError) {
        try await call("give wills entries") { $0.setEntries(entries) }
    }
}

/// Nothing is retained in the simulation.
extension Stores: RetainedSource {
    func write(_ messages: [RetainedMessage]) async throws(DatabaseError) {}

    func read(_ topics: [[UInt8]], bytesMax: Int) async throws(DatabaseError) -> RetainedPage {
        RetainedPage(messages: [], answeredCount: topics.count)
    }

    func count() async throws(DatabaseError) -> Int { 0 }

    func topics(
        after position: RetainedPosition, before end: [UInt8], limit: Int, bytesMax: Int
    ) async throws(DatabaseError) -> RetainedTopics {
        RetainedTopics(topics: [], next: nil)
    }
}

/// The real queue and budget of the log writers; their threads are `SimulatedWriter`s, and what is read is the simulated database's.
struct SimulatedLog: MessageLog {
    let writer: LogWriter
    let stores: Stores
    let ledger: Ledger

    var load: LogLoad { writer.load }

    func append(_ append: Append, origin: AppendOrigin) -> Bool {
        let isQueued = writer.append(append, origin: origin)
        if !isQueued { ledger.forgiveOrder(isSaid: true) }
        return isQueued
    }

    func read(_ reads: [LogRead]) async throws(DatabaseError) -> [[LogEntry]] {
        try await stores.database.call(stores.life, "read logs") { $0.read(reads) }
    }
}
