extension Transaction {
    /// Appends entries to their logs as part of this transaction (topics are locked in ascending order of id: call it once, at the end)
    /// and returns them numbered. After the commit the caller hands them to the `CommitObserver`.
    package func append(_ appends: [Append]) async throws(DatabaseError) -> [LogEntry] { fatalError() }
}
