/// For programs beside the hub, which change nothing of the schema.
package enum SchemaVersion {
    /// What is wrong with the schema of a database for this binary; nil: nothing.
    package static func problem(of database: Database) async throws(DatabaseError) -> String? {
        let version: Int64
        do {
            version = try await database.query("SELECT coalesce(max(number), 0)::bigint FROM schema_migrations")
                .int(0, 0)
        } catch .refused(code: "42P01", _, _) {
            return "the database holds no hub's data yet: start the hub once"
        }
        let known = Int64(Migration.all.count)
        if version == known { return nil }
        return version < known
            ? "the database is of an older version (\(version), here \(known)): start this hub once"
            : "the database is of a newer version (\(version), here \(known)): use the newer hub's program"
    }
}
