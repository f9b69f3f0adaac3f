import JSON
import Synchronization
import Topics

/// What every store of the domain works with.
package struct DomainContext: Sendable {
    package let database: Database
    package let ids: IDGenerator
    package let observer: any CommitObserver
    package let revocations: any RevocationObserver
    package let reads: any ReadObserver
    /// The wall clock, in Unix milliseconds.
    package let now: @Sendable () -> Int64

    package init(
        database: Database, ids: IDGenerator, observer: any CommitObserver, revocations: any RevocationObserver,
        reads: any ReadObserver, now: @escaping @Sendable () -> Int64
    ) {
        self.database = database
        self.ids = ids
        self.observer = observer
        self.revocations = revocations
        self.reads = reads
        self.now = now
    }

    /// Runs a change of state and the entries that announce it as one transaction; after the commit the observer hears of them.
    /// `body` may run more than once, so it must have no effects but its statements.
    func change<Result: Sendable>(
        _ body: @escaping @Sendable (Transaction) async throws -> Change<Result>
    ) async throws(DatabaseError) -> Result {
        let attempt = Mutex<Attempt<Result>?>(nil)
        let done: Attempt<Result>
        do {
            done = try await database.transaction { transaction in
                attempt.withLock { $0 = nil }
                let change = try await body(transaction)
                let entries = change.entries.isEmpty ? [] : try await transaction.append(change.entries)
                try await GroupStore.noteJoins(entries, in: transaction)
                if let group = change.endedGroup { try await GroupStore.erase(group, now: now(), in: transaction) }
                try await RequestClaim.current?.decide(in: transaction)
                var done = Attempt(result: change.result, entries: entries)
                if !entries.isEmpty {
                    done.transactionID = try await transaction.query("SELECT pg_current_xact_id()::text").text(0, 0)
                }
                attempt.withLock { $0 = done }
                return done
            }
        } catch let error as DatabaseError {
            let lost = attempt.withLock { $0 }
            guard case .unavailable = error, let lost, await isCommitted(lost.transactionID) else { throw error }
            done = lost
        } catch {
            throw .unavailable("\(error)")
        }
        if !done.entries.isEmpty { observer.committed(done.entries) }
        return done.result
    }

    /// A run of a change's body, as far as COMMIT.
    private struct Attempt<Result: Sendable>: Sendable {
        var result: Result
        var entries: [LogEntry]
        /// Empty: it announces nothing, so nobody waits for the truth about it.
        var transactionID = ""
    }

    /// Whether a transaction whose connection broke before the answer to COMMIT has been committed: PostgreSQL knows.
    func isCommitted(_ transactionID: String) async -> Bool {
        guard !transactionID.isEmpty else { return false }
        for _ in 0..<Self.statusAttemptsMax {
            let rows = try? await database.query("SELECT pg_xact_status($1::text::xid8)", [.text(transactionID)])
            if let rows, rows.count == 1, !rows.isNull(0, 0), rows.text(0, 0) != "in progress" {
                return rows.text(0, 0) == "committed"
            }
            try? await Task.sleep(for: .milliseconds(Self.statusPauseMilliseconds))
        }
        return false
    }

    /// Five seconds: longer than PostgreSQL takes to start again, shorter than a caller's patience.
    private static let statusAttemptsMax = 20
    private static let statusPauseMilliseconds = 250

    /// An entry that the hub writes because `actor` did something; `writeMembers` writes the members of its body.
    func entry(
        in topic: StoredTopic, by actor: Int64, _ kind: EntryKind, change: RightsChange? = nil,
        writeMembers: (inout JSONWriter) -> Void
    ) -> Append {
        var writer = JSONWriter()
        writer.beginObject()
        writeMembers(&writer)
        writer.endObject()
        let id = ids.next()
        return Append(
            topic: topic, id: id, senderID: actor, kind: kind, key: IdempotencyKey(entryID: id),
            suffix: Array(#","body":"#.utf8) + writer.bytes + Array("}".utf8), change: change)
    }
}

/// What a change of state comes to: its answer, and the entries that announce it.
struct Change<Result: Sendable>: Sendable {
    var result: Result
    var entries: [Append] = []
    /// A group whose log, this last entry included, goes in the same transaction.
    var endedGroup: Int64?
}
