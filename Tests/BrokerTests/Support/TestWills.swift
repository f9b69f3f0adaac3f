import Synchronization

@testable import Broker
@testable import Persistence

/// Kept wills in memory.
final class TestWills: WillSource {
    struct Row: Equatable {
        var will: StoredWill
        var dueAt: Int64?
    }

    private struct State {
        var rows: [Row] = []
        var isAway = false
        var recordCount = 0
    }

    private let state = Mutex(State())
    let connects = Gate(), records = Gate()

    var all: [Row] { state.withLock { $0.rows } }
    var isEmpty: Bool { all.isEmpty }
    /// Writes that were tried.
    var recordCount: Int { state.withLock { $0.recordCount } }

    /// The database is away, or back.
    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    /// What a process before this one has left.
    func add(_ will: StoredWill, dueAt: Int64?) { state.withLock { $0.rows.append(Row(will: will, dueAt: dueAt)) } }

    private func with<R>(_ body: (inout State) -> R) throws(DatabaseError) -> R {
        let result: R? = state.withLock { $0.isAway ? nil : body(&$0) }
        guard let result else { throw .unavailable("away") }
        return result
    }

    // MARK: WillSource

    func connect(
        user: Int64, clientID: [UInt8], continuesSession: Bool, will: StoredWill?, now: Int64
    ) async throws(DatabaseError) -> Bool {
        await connects.pass()
        return try with { state in
            func isLeft(_ row: Row) -> Bool {
                row.will.userID == user && row.will.clientID == clientID && row.dueAt ?? .max > now
            }
            defer { if let will { state.rows.append(Row(will: will)) } }
            if continuesSession {
                state.rows.removeAll(where: isLeft)
                return false
            }
            let left = state.rows.indices.filter { isLeft(state.rows[$0]) }
            for index in left { state.rows[index].dueAt = now }
            return !left.isEmpty
        }
    }

    func setRules(_ rules: [UInt8]?, of id: Int64) async throws(DatabaseError) {
        try with { state in
            for index in state.rows.indices where state.rows[index].will.id == id {
                state.rows[index].will.rules = rules
            }
        }
    }

    func record(_ changes: WillChanges) async throws(DatabaseError) {
        state.withLock { $0.recordCount += 1 }
        await records.pass()
        try with { state in
            for due in changes.due {
                for index in state.rows.indices where state.rows[index].will.id == due.id {
                    state.rows[index].dueAt = due.at
                }
            }
            state.rows.removeAll { changes.gone.contains($0.will.id) }
        }
    }

    /// What the table of sessions would tell.
    let hasSession = Mutex<@Sendable (SessionKey) -> Bool>({ _ in true })

    func endDelaysWithoutSession(ofUser user: Int64, now: Int64) async throws(DatabaseError) -> Bool {
        let hasSession = hasSession.withLock { $0 }
        return try with { state in
            let ended = state.rows.indices.filter { index in
                let will = state.rows[index].will
                return will.userID == user && state.rows[index].dueAt ?? 0 > now
                    && !hasSession(SessionKey(userID: user, clientID: will.clientID))
            }
            for index in ended { state.rows[index].dueAt = now }
            return !ended.isEmpty
        }
    }

    func due(at now: Int64, except: [Int64], limit: Int) async throws(DatabaseError) -> [StoredWill] {
        try with { state in
            let due = state.rows.filter { $0.dueAt ?? .max <= now && !except.contains($0.will.id) }
            return Array(due.sorted { $0.dueAt! < $1.dueAt! }.map(\.will).prefix(limit))
        }
    }

    func nextDue(except: [Int64]) async throws(DatabaseError) -> Int64? {
        try with { $0.rows.filter { !except.contains($0.will.id) }.compactMap(\.dueAt).min() }
    }

    func setEntries(_ entries: [(id: Int64, entryID: Int64)]) async throws(DatabaseError) {
        try with { state in
            for entry in entries {
                for index in state.rows.indices where state.rows[index].will.id == entry.id {
                    state.rows[index].will.entryID = entry.entryID
                }
            }
        }
    }
}
