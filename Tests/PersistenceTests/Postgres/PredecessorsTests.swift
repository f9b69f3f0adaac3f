import Testing

@testable import Persistence

@Suite struct PredecessorsTests {
    /// What runs on older connections ends with them; those of the same hub that come later stay.
    @Test func endsWhatIsOlder() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let sleeper = Task { try await test.database.query("SELECT pg_sleep(60), 'older'") }
            while try await test.database.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%older%'")
                .int(0, 0) < 2
            {}
            try await Predecessors(url: test.url).end()
            let error = await #expect(throws: DatabaseError.self) { try await sleeper.value }
            #expect(error?.code == "unavailable")
            #expect(try await test.database.query("SELECT 1").int(0, 0) == 1)
        }
    }

    @Test func leavesOtherDatabasesAlone() async throws {
        var limits = Database.Limits()
        limits.connections = 1
        try await TestDatabase.with(migrated: false, limits: limits) { (test) async throws in
            let process = try await test.database.query("SELECT pg_backend_pid()").int(0, 0)
            try await Predecessors(url: try await TestCluster.shared.newDatabase()).end()
            #expect(try await test.database.query("SELECT pg_backend_pid()").int(0, 0) == process)
        }
    }
}
