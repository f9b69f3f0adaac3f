import Testing

@testable import Persistence

@Suite struct MigratorTests {
    private let steps = [
        Migration(number: 1, name: "one", sql: "CREATE TABLE one (n int); INSERT INTO one VALUES (1)"),
        Migration(number: 2, name: "two", sql: "UPDATE one SET n = n + 1"),
    ]

    private func number(_ url: String) throws -> Int64 {
        var server = try ServerConnection.connect(url: url, settings: "")
        return try server.run("SELECT n FROM one", ParameterBuffer(), limitMilliseconds: 5_000).int(0, 0)
    }

    @Test func runsWhatIsMissingOnce() async throws {
        let url = try await TestCluster.shared.newDatabase()
        #expect(try await Migrator(url: url, migrations: [steps[0]]).run() == [1])
        #expect(try await Migrator(url: url, migrations: steps).run() == [2])
        #expect(try await Migrator(url: url, migrations: steps).run() == [])
        #expect(try number(url) == 2)
    }

    @Test func hubsThatStartTogetherMigrateOnce() async throws {
        let url = try await TestCluster.shared.newDatabase()
        let ran = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 1...6 { group.addTask { try await Migrator(url: url, migrations: steps).run() } }
            return try await group.reduce([], +)
        }
        #expect(ran.sorted() == [1, 2])
        #expect(try number(url) == 2)
    }

    @Test func aNewerDatabaseIsRefused() async throws {
        let url = try await TestCluster.shared.newDatabase()
        _ = try await Migrator(url: url, migrations: steps).run()
        await #expect(throws: MigrationError.newerDatabase(version: 2, known: 1)) {
            try await Migrator(url: url, migrations: [steps[0]]).run()
        }
    }

    @Test func aFailedMigrationLeavesNothing() async throws {
        let url = try await TestCluster.shared.newDatabase()
        let bad = Migration(number: 2, name: "bad", sql: "UPDATE one SET n = 9; SELECT 1 / 0")
        let error = await #expect(throws: MigrationError.self) {
            try await Migrator(url: url, migrations: [steps[0], bad]).run()
        }
        guard case .failed(migration: 2, name: "bad", .refused("22012", _, _)) = error else {
            throw try #require(error)
        }
        #expect(try number(url) == 1)
        #expect(try await Migrator(url: url, migrations: steps).run() == [2])
    }

    @Test func theProductsSchemaRuns() async throws {
        let url = try await TestCluster.shared.newDatabase()
        #expect(try await Migrator(url: url).run() == Array(1...Migration.all.count))
    }
}
