/// Why a statement failed.
package enum DatabaseError: Error, Sendable, Equatable {
    /// No connection, or it broke, or it did not answer in time: the outcome of what was running is unknown.
    case unavailable(String)
    /// PostgreSQL's answer: SQLSTATE (five characters), the constraint's name if one was violated (else empty), its message.
    case refused(code: String, constraint: String, message: String)

    package var isUniqueViolation: Bool {
        if case .refused(code: "23505", _, _) = self { true } else { false }
    }
}

/// A parameter of a statement, `$1` first.
package enum Parameter: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case text(String)
    case bytes([UInt8])
    case ints([Int64])
    case texts([String])
}

/// The rows of an answer, in binary format. Columns count from 0. Reading a column as a type that it is not is our mistake and traps.
package struct Rows: Sendable {
    package var count: Int { 0 }
    /// Rows that an INSERT, UPDATE or DELETE touched.
    package var affected: Int { 0 }
    package func isNull(_ row: Int, _ column: Int) -> Bool { fatalError("replaced by the persistence work") }
    /// smallint, integer or bigint.
    package func int(_ row: Int, _ column: Int) -> Int64 { fatalError("replaced by the persistence work") }
    package func bool(_ row: Int, _ column: Int) -> Bool { fatalError("replaced by the persistence work") }
    package func text(_ row: Int, _ column: Int) -> String { fatalError("replaced by the persistence work") }
    package func bytes(_ row: Int, _ column: Int) -> [UInt8] { fatalError("replaced by the persistence work") }
    /// bigint[]
    package func ints(_ row: Int, _ column: Int) -> [Int64] { fatalError("replaced by the persistence work") }
}

/// An asynchronous PostgreSQL client: a pool of connections, each prepared statement cached per connection by its text.
/// For everything that is not the message path.
package final class Database: Sendable {
    /// One statement, in a transaction of its own.
    package func query(_ sql: StaticString, _ parameters: [Parameter] = []) async throws(DatabaseError) -> Rows {
        fatalError("replaced by the persistence work")
    }

    /// Runs `body` between BEGIN and COMMIT on one connection; rolls back if it throws. Repeats it (at most 5 times) after a deadlock or
    /// serialisation failure (40001, 40P01), so `body` must have no effects but its statements.
    package func transaction<R: Sendable>(
        _ body: @Sendable (Transaction) async throws -> R
    ) async throws -> R {
        fatalError("replaced by the persistence work")
    }
}

/// The connection that a transaction holds.
package struct Transaction: Sendable {
    package func query(_ sql: StaticString, _ parameters: [Parameter] = []) async throws(DatabaseError) -> Rows {
        fatalError("replaced by the persistence work")
    }

    /// Appends entries to their logs as part of this transaction (topics are locked in ascending order of id: call it once, at the end)
    /// and returns them numbered. After the commit the caller hands them to the `CommitObserver`.
    package func append(_ appends: [Append]) async throws(DatabaseError) -> [LogEntry] {
        fatalError("replaced by the persistence work")
    }
}
