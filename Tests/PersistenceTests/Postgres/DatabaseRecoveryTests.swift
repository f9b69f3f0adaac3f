import Glibc
import Testing

@testable import Persistence

/// Broken connections: they fail what ran on them, and nothing after.
@Suite struct DatabaseRecoveryTests {
    @Test func aKilledBackendFailsItsStatementOnly() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let database = test.database
            let sleeper = Task { try await database.query("SELECT pg_sleep(60), 'victim'") }
            var victim: Int64?
            while victim == nil {
                let rows = try await database.query(
                    "SELECT pid FROM pg_stat_activity WHERE query LIKE '%victim%' AND pid <> pg_backend_pid()")
                victim = rows.count == 1 ? rows.int(0, 0) : nil
            }
            _ = try await database.query("SELECT pg_terminate_backend($1::int)", [.int(try #require(victim))])
            let error = await #expect(throws: DatabaseError.self) { try await sleeper.value }
            #expect(error?.code == "unavailable")
            #expect(try await database.query("SELECT 1").int(0, 0) == 1)
        }
    }

    /// All idle connections die unseen; the next query finds a living one.
    @Test func queriesSucceedAfterAllConnectionsWereKilled() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            for _ in 1...5 {
                // Waits on the server until they are gone, from a connection outside the pool.
                let killer = try ServerConnection.connect(url: test.url, settings: "")
                _ = try killer.run(
                    """
                    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """, limitMilliseconds: 10_000)
                #expect(try await test.database.query("SELECT 1").int(0, 0) == 1)
            }
        }
    }

    @Test func anOverdueStatementIsUnavailable() async throws {
        var limits = Database.Limits()
        limits.statementMilliseconds = 200
        try await TestDatabase.with(migrated: false, limits: limits) { (test) async throws in
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.query("SELECT pg_sleep(60)")
            }
            #expect(error == .unavailable("the statement took too long"))
            #expect(try await test.database.query("SELECT 1").int(0, 0) == 1)
        }
    }

    /// Its backend hung before it read the statement, and goes on when a later one is done.
    @Test func anOverdueStatementIsNotDoneLater() async throws {
        var limits = Database.Limits()
        limits.connections = 1
        limits.statementMilliseconds = 200
        try await TestDatabase.with(migrated: false, limits: limits) { (test) async throws in
            _ = try await test.database.query("CREATE TABLE done (number bigint)")
            func note(_ number: Int64) async throws {
                _ = try await test.database.query("INSERT INTO done VALUES ($1)", [.int(number)])
            }
            try await note(1)
            let backend = pid_t(try await test.database.query("SELECT pg_backend_pid()").int(0, 0))
            kill(backend, SIGSTOP)
            await #expect(throws: DatabaseError.self) { try await note(2) }
            try await note(3)
            kill(backend, SIGCONT)
            while kill(backend, 0) == 0 { await Task.yield() }
            let rows = try await test.database.query("SELECT number FROM done ORDER BY number")
            #expect((0..<rows.count).map { rows.int($0, 0) } == [1, 3])
        }
    }

    @Test func waitingForAConnectionIsLimited() async throws {
        var limits = Database.Limits()
        limits.connections = 1
        limits.waitMilliseconds = 200
        try await TestDatabase.with(migrated: false, limits: limits) { (test) async throws in
            try await test.database.transaction { transaction in
                let error = await #expect(throws: DatabaseError.self) { try await test.database.query("SELECT 1") }
                #expect(error == .unavailable("no free connection"))
                _ = try await transaction.query("SELECT 1")
            }
        }
    }

    @Test func afterCloseEverythingIsUnavailable() async throws {
        let test = try await TestDatabase(migrated: false)
        let sleeper = Task { try await test.database.query("SELECT pg_sleep(60)") }
        while try await test.database.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(60)%'")
            .int(0, 0) < 2
        {}
        test.database.close()
        await #expect(throws: DatabaseError.self) { try await sleeper.value }
        await #expect(throws: DatabaseError.self) { try await test.database.query("SELECT 1") }
    }
}
