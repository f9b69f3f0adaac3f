extension Transaction {
    /// Appends entries to their logs as part of this transaction (topics are locked in ascending order of id: call it once, at the end)
    /// and returns them numbered, in the order given. After the commit the caller hands them to the `CommitObserver`.
    ///
    /// Refused with P0002 if a topic is missing, with 23505 if an entry with the same key, topic and sender is there.
    package func append(_ appends: [Append]) async throws(DatabaseError) -> [LogEntry] {
        guard !appends.isEmpty else { return [] }
        let batch = PublishBatch(appends)
        var buffer = ParameterBuffer()
        batch.encode(into: &buffer)
        let seqs = batch.seqs(try await query(PublishBatch.publishOrdered, buffer))
        return zip(appends, seqs).map { LogEntry($0, seq: $1) }
    }
}
