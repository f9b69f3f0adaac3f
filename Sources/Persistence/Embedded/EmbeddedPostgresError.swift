/// Why the embedded PostgreSQL does not run.
package enum EmbeddedPostgresError: Error, Sendable, Equatable, CustomStringConvertible {
    case notInstalled
    /// The cluster was made by another major version than those installed.
    case otherVersion(cluster: Int, installed: [Int])
    /// Another hub uses the directory.
    case inUse(String)
    /// PostgreSQL does not run as root, and there is nobody else to run it.
    case noUser(String)
    case failed(String)

    package var description: String {
        switch self {
        case .notInstalled:
            "no PostgreSQL 13 or later found: install the package postgresql, or name a database with --database"
        case .otherVersion(let cluster, let installed):
            """
            the database was made by PostgreSQL \(cluster), installed is \(installed.map(String.init).joined(separator: ", ")): \
            install PostgreSQL \(cluster), or convert the database with pg_upgrade
            """
        case .inUse(let path): "another hub uses \(path)"
        case .noUser(let reason): "PostgreSQL does not run as root: \(reason)"
        case .failed(let reason): reason
        }
    }
}
