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

    /// After a restart an old connection's number may be another one's.
    @Test func aNumberAloneIsNoProcess() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            var old = try ServerConnection.connect(url: test.url, settings: "")
            let told = old.process
            let process = try #require(told)
            #expect(
                try old.run("SELECT pg_backend_pid()", ParameterBuffer(), limitMilliseconds: 5_000).int(0, 0)
                    == process.id)
            var other = try ServerConnection.connect(url: test.url, settings: "")
            let namesake = ServerProcess(id: process.id, startedAt: process.startedAt - 1)
            #expect(try other.endOlder([namesake]) == 0)
            #expect(try old.run("SELECT 1", ParameterBuffer(), limitMilliseconds: 5_000).int(0, 0) == 1)
            #expect(try other.endOlder([namesake, process]) == 1)
            #expect(throws: DatabaseError.self) {
                try old.run("SELECT 1", ParameterBuffer(), limitMilliseconds: 5_000)
            }
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
