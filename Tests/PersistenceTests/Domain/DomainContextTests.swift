import Synchronization
import Testing

@testable import Persistence

/// What becomes of a change whose connection breaks.
struct DomainContextTests {
    private struct Unwanted: Error {}

    /// PostgreSQL tells afterwards whether a transaction that nobody got an answer for was committed.
    @Test func fatesAreKnown() async throws {
        try await DomainFixture.with { fixture in
            let mark: @Sendable (Transaction) async throws -> String = { transaction in
                _ = try await transaction.query("CREATE TABLE IF NOT EXISTS marks (id bigint)")
                return try await transaction.query("SELECT pg_current_xact_id()::text").text(0, 0)
            }
            let committed = try await fixture.database.transaction(mark)
            #expect(await fixture.context.isCommitted(committed))
            let aborted = SharedText()
            await #expect(throws: Unwanted.self) {
                try await fixture.database.transaction { transaction in
                    aborted.set(try await mark(transaction))
                    throw Unwanted()
                }
            }
            let isCommitted = await fixture.context.isCommitted(aborted.value)
            #expect(!isCommitted && !aborted.value.isEmpty)
        }
    }

    /// Cut before COMMIT: the caller hears of it, nobody else does, and nothing is there.
    @Test func whatWasCutIsNotAnnounced() async throws {
        try await DomainFixture.with { fixture in
            let user = try await fixture.user("cut")
            _ = fixture.witness.takeEntries()
            let context = fixture.context
            await #expect(throws: DatabaseError.self) {
                try await context.change { transaction -> Change<Void> in
                    _ = try await transaction.query("SELECT pg_terminate_backend(pg_backend_pid())")
                    let entry = context.entry(in: .inbox(of: user), by: user, .mention) { _ in }
                    return Change(result: (), entries: [entry])
                }
            }
            #expect(fixture.witness.takeEntries().isEmpty)
            let page = try await fixture.database.query("SELECT last_seq FROM topics WHERE id = $1", [.int(user)])
            #expect(page.int(0, 0) == 0)
        }
    }
}

/// A text that a task sets and another reads.
private final class SharedText: Sendable {
    private let text = Mutex("")
    var value: String { text.withLock { $0 } }
    func set(_ value: String) { text.withLock { $0 = value } }
}
