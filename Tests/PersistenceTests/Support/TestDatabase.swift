import Glibc
import Synchronization

@testable import Persistence

/// A fresh database on the test process's own cluster, for one suite or test.
struct TestDatabase {
    let url: String
    let database: Database

    /// - Parameter migrated: with the product's schema.
    init(migrated: Bool = true, limits: Database.Limits = Database.Limits()) async throws {
        try await self.init(url: TestCluster.shared.newDatabase(), migrated: migrated, limits: limits)
    }

    init(url: String, migrated: Bool = true, limits: Database.Limits = Database.Limits()) async throws {
        self.url = url
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

/// The PostgreSQL that all tests of the process share: made by the product's own code, removed at exit.
actor TestCluster {
    static let shared = TestCluster()

    private var starting: Task<String, any Error>?
    private var count = 0

    /// Makes an empty database; returns its connection string.
    func newDatabase() async throws -> String {
        if starting == nil { starting = Task { try await Self.start() } }
        let url = try await starting!.value
        count += 1
        let name = "test_\(count)"
        try await onThread {
            let server = try ServerConnection.connect(url: url, settings: "")
            _ = try server.run("CREATE DATABASE \(name) TEMPLATE template0", limitMilliseconds: 60_000)
        }
        return "\(url) dbname=\(name)"
    }

    private static func start() async throws -> String {
        let directory = try TemporaryDirectory()
        // A crash of the server, not of the machine, is what the tests are about.
        let settings = [("fsync", "off"), ("max_connections", "400")]
        let cluster = EmbeddedPostgres(directory: "\(directory.path)/postgres", settings: settings) { _ in }
        try await onThread { try cluster.start() }
        atExit.withLock { $0 = (cluster, directory) }
        atexit {
            atExit.withLock { state in
                state?.0.stop()
                state?.1.remove()
            }
        }
        return cluster.url
    }
}

private let atExit = Mutex<(EmbeddedPostgres, TemporaryDirectory)?>(nil)

/// Runs something that waits on a thread of its own, so that it holds up no other test.
func onThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        startThread("test") { continuation.resume(with: Result { try body() }) }
    }
}

/// A directory that the server's user can reach.
struct TemporaryDirectory: Sendable {
    let path: String

    init(in parent: String = "/tmp") throws {
        let template = strdup("\(parent)/confab-test-XXXXXX")!
        defer { free(template) }
        guard mkdtemp(template) != nil else { throw EmbeddedPostgresError.failed("mkdtemp: \(errno)") }
        path = String(cString: template)
        chmod(path, 0o755)
    }

    func remove() { _ = try? ChildProcess.run(["/bin/rm", "-rf", path], as: nil) }
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
