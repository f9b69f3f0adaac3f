/// Brings a database to the schema of this binary. Safe when several hubs start at once: one migrates, the others wait.
package struct Migrator: Sendable {
    /// How long to wait for another hub's migration, and for one's own: rewriting a large table takes its time.
    static let limitMilliseconds: Int64 = 3_600_000
    /// The advisory lock's number, "confab" in ASCII.
    static let lock: Int64 = 0x636f_6e66_6162

    private let url: String
    private let migrations: [Migration]

    package init(url: String, migrations: [Migration] = Migration.all) {
        precondition(
            migrations.map(\.number) == Array(1..<migrations.count + 1), "migrations count from 1 without gaps")
        self.url = url
        self.migrations = migrations
    }

    /// Runs what is missing, each migration in a transaction of its own. Returns the numbers of those that ran.
    package func run() async throws(MigrationError) -> [Int] {
        let result = await withCheckedContinuation { continuation in
            startThread("postgres-migrate") { continuation.resume(returning: self.runWaiting()) }
        }
        return try result.get()
    }

    private func runWaiting() -> Result<[Int], MigrationError> {
        Result { () throws(MigrationError) in
            do {
                let server = try ServerConnection.connect(
                    url: url, settings: "SET lock_timeout = 0; SET statement_timeout = 0")
                return try migrate(server)
            } catch let error as DatabaseError {
                throw .database(error)
            } catch let error as MigrationError {
                throw error
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    private func migrate(_ connection: consuming ServerConnection) throws -> [Int] {
        // Held by the session, hence until the connection closes.
        _ = try execute("SELECT pg_advisory_lock(\(Self.lock))", connection)
        _ = try execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
            """, connection)
        let answer = try connection.run(
            "SELECT coalesce(max(number), 0) FROM schema_migrations", ParameterBuffer(),
            limitMilliseconds: Self.limitMilliseconds)
        let version = Int(answer.int(0, 0))
        guard version <= migrations.count else {
            throw MigrationError.newerDatabase(version: version, known: migrations.count)
        }
        for migration in migrations.dropFirst(version) { try apply(migration, connection) }
        return migrations.dropFirst(version).map(\.number)
    }

    private func apply(_ migration: Migration, _ connection: borrowing ServerConnection) throws(MigrationError) {
        precondition(!migration.name.utf8.contains(UInt8(ascii: "'")))
        let script = """
            BEGIN;
            \(migration.sql);
            INSERT INTO schema_migrations (number, name) VALUES (\(migration.number), '\(migration.name)');
            COMMIT;
            """
        do throws(DatabaseError) {
            _ = try execute(script, connection)
        } catch {
            throw .failed(migration: migration.number, name: migration.name, error)
        }
    }

    private func execute(
        _ sql: String, _ connection: borrowing ServerConnection
    ) throws(DatabaseError) -> ResultHandle? {
        try connection.run(sql, limitMilliseconds: Self.limitMilliseconds)
    }
}
