import JSON
import Topics

/// What every store of the domain works with.
package struct DomainContext: Sendable {
    package let database: Database
    package let ids: IDGenerator
    package let observer: any CommitObserver
    package let revocations: any RevocationObserver
    /// The wall clock, in Unix milliseconds.
    package let now: @Sendable () -> Int64

    package init(
        database: Database, ids: IDGenerator, observer: any CommitObserver, revocations: any RevocationObserver,
        now: @escaping @Sendable () -> Int64
    ) {
        self.database = database
        self.ids = ids
        self.observer = observer
        self.revocations = revocations
        self.now = now
    }

    /// Runs a change of state and the entries that announce it as one transaction; after the commit the observer hears of them.
    /// `body` may run more than once, so it must have no effects but its statements.
    func change<Result: Sendable>(
        _ body: @escaping @Sendable (Transaction) async throws -> Change<Result>
    ) async throws(DatabaseError) -> Result {
        let result: Result
        let committed: [LogEntry]
        do {
            (result, committed) = try await database.transaction { transaction in
                let change = try await body(transaction)
                let entries = change.entries.isEmpty ? [] : try await transaction.append(change.entries)
                try await GroupStore.noteJoins(entries, in: transaction)
                if let group = change.endedGroup { try await GroupStore.erase(group, in: transaction) }
                return (change.result, entries)
            }
        } catch let error as DatabaseError {
            throw error
        } catch {
            throw .unavailable("\(error)")
        }
        if !committed.isEmpty { observer.committed(committed) }
        return result
    }

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
