import Glibc
import Synchronization

@testable import Persistence

/// A fresh database on the test process's own cluster, for one suite or test.
struct TestDatabase {
    let url: String
    let database: Database

    /// - Parameter migrated: with the product's schema.
    init(migrated: Bool = true, limits: Database.Limits = Database.Limits()) async throws {
        url = try await TestCluster.shared.newDatabase()
        if migrated { _ = try await Migrator(url: url).run() }
        database = Database(url: url, limits: limits)
        try await database.start()
    }

    /// Runs `body` with a fresh database and closes it.
    static func with(
        migrated: Bool = true, limits: Database.Limits = Database.Limits(),
        _ body: (TestDatabase) async throws -> Void
    ) async throws {
        let test = try await TestDatabase(migrated: migrated, limits: limits)
        defer { test.database.close() }
        try await body(test)
    }
}

/// The PostgreSQL that all tests of the process share.
final class TestCluster: Sendable {
    static let shared = TestCluster()

    private let count = Atomic<Int>(0)

    /// Makes an empty database; returns its connection string.
    func newDatabase() async throws -> String {
        let admin = "host=/tmp/store-pg user=postgres"
        let name = "test_\(getpid())_\(count.add(1, ordering: .relaxed).newValue)"
        let server = try ServerConnection.connect(url: "\(admin) dbname=postgres", settings: "")
        _ = try server.run("CREATE DATABASE \(name) TEMPLATE template0", limitMilliseconds: 60_000)
        return "\(admin) dbname=\(name)"
    }
}

extension DatabaseError {
    /// The SQLSTATE of a refusal; `unavailable` for the other case.
    var code: String {
        switch self {
        case .unavailable: "unavailable"
        case .refused(let code, _, _): code
        }
    }
}
