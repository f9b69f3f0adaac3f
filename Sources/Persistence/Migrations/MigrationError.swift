/// Why a database could not be brought to this binary's schema.
package enum MigrationError: Error, Sendable, Equatable {
    case database(DatabaseError)
    /// The database was migrated by a newer hub; an older one would not understand it.
    case newerDatabase(version: Int, known: Int)
    case failed(migration: Int, name: String, DatabaseError)
}
