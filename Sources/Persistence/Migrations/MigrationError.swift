/// Why a database could not be brought to this binary's schema.
package enum MigrationError: Error, Sendable, Equatable {
    case database(DatabaseError)
    /// The database was migrated by a newer hub; an older one would not understand it.
    case newerDatabase(version: Int, known: Int)
    case failed(migration: Int, name: String, DatabaseError)
}

extension MigrationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .database(let error): "\(error)"
        case .newerDatabase(let version, let known):
            "the database was migrated to version \(version) by a newer hub; this one knows \(known): run the newer one"
        case .failed(let migration, let name, let error): "migration \(migration) (\(name)) failed: \(error)"
        }
    }
}
