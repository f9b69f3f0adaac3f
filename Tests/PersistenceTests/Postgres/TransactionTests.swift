import Synchronization
import Testing

@testable import Persistence

@Suite struct TransactionTests {
    private struct Own: Error {}

    private func withTable(_ body: (Database) async throws -> Void) async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            _ = try await test.database.query("CREATE TABLE t (id bigint PRIMARY KEY, n bigint)")
            _ = try await test.database.query("INSERT INTO t VALUES (1, 0), (2, 0)")
            try await body(test.database)
        }
    }

    private func sum(_ database: Database) async throws -> Int64 {
        try await database.query("SELECT sum(n)::bigint FROM t").int(0, 0)
    }

    @Test func commitsAndRollsBack() async throws {
        try await withTable { (database) async throws in
            let result = try await database.transaction { transaction in
                _ = try await transaction.query("UPDATE t SET n = n + 1")
                return "done"
            }
            #expect(result == "done")
            await #expect(throws: Own.self) {
                try await database.transaction { transaction in
                    _ = try await transaction.query("UPDATE t SET n = n + 10")
                    throw Own()
                }
            }
            #expect(try await sum(database) == 2)
        }
    }

    /// PostgreSQL answers COMMIT with a rollback when a statement had failed; that must not look like success.
    @Test func aHiddenFailureDoesNotCommit() async throws {
        try await withTable { (database) async throws in
            await #expect(throws: DatabaseError.self) {
                try await database.transaction { transaction in
                    _ = try await transaction.query("UPDATE t SET n = n + 1")
                    _ = try? await transaction.query("SELECT 1 / 0")
                }
            }
            #expect(try await sum(database) == 0)
        }
    }

    @Test func aDeadlockIsRepeated() async throws {
        try await withTable { (database) async throws in
            let attempts = Counter()
            let meet = Meeting()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (first, second) in [(Int64(1), Int64(2)), (2, 1)] {
                    group.addTask {
                        try await database.transaction { transaction in
                            let isFirst = attempts.add() <= 2
                            _ = try await transaction.query("UPDATE t SET n = n + 1 WHERE id = $1", [.int(first)])
                            if isFirst { await meet.arrive() }
                            _ = try await transaction.query("UPDATE t SET n = n + 1 WHERE id = $1", [.int(second)])
                        }
                    }
                }
                try await group.waitForAll()
            }
            // The second attempt may meet the same fate.
            #expect(attempts.value >= 3)
            #expect(try await sum(database) == 4)
        }
    }

    @Test func givesUpAfterFiveAttempts() async throws {
        try await withTable { (database) async throws in
            let attempts = Counter()
            await #expect(throws: DatabaseError.self) {
                try await database.transaction { transaction in
                    _ = attempts.add()
                    _ = try await transaction.query("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
                }
            }
            #expect(attempts.value == 5)
        }
    }
}

/// Two tasks wait here for each other.
actor Meeting {
    private var waiting: CheckedContinuation<Void, Never>?

    func arrive() async {
        if let other = waiting.take() { return other.resume() }
        await withCheckedContinuation { waiting = $0 }
    }
}

/// Counts over several tasks.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() -> Int { count.add(1, ordering: .relaxed).newValue }
}
