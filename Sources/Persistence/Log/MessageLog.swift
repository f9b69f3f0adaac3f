/// What became of an `Append`.
package enum AppendOutcome: Sendable {
    case committed(seq: Int64, id: Int64)
    /// The same sender, topic and `client_ref` had been stored before, with the same content: success, under the earlier numbers.
    case repeated(seq: Int64, id: Int64)
    /// The same `client_ref` with other content.
    case clientRefReused
    /// No such topic (its group ended).
    case topicGone
    /// An edit, a deletion or a reaction that cannot be.
    case flawed(Annotation.Flaw)
    /// The message names an attachment that is not there, or not its sender's to load.
    case attachmentMissing
    /// The database is away or the batch could not be stored now; the same append may succeed later.
    case unavailable
}

/// Where the outcome of an append goes.
package enum AppendOrigin: Sendable {
    /// To a shard's mailbox; `token` is the shard's own.
    case shard(index: Int, token: UInt64)
    /// To a task that waits (REST).
    case task(CheckedContinuation<AppendOutcome, Never>)
}

/// How much waits to be committed.
package enum LogLoad: Sendable {
    /// Who was made to wait may go on.
    case light
    case moderate
    /// Publishers should be read no further: the rest of the room is for what they have sent already.
    case heavy
}

/// The durable logs as the broker sees them; tests replace it by memory.
package protocol MessageLog: Sendable {
    var load: LogLoad { get }
    /// Queues an entry for the next commit. False: the queue is full, nothing was queued.
    func append(_ append: Append, origin: AppendOrigin) -> Bool
    /// For each of them its entries, ascending. One question, however many logs are read.
    func read(_ reads: [LogRead]) async throws(DatabaseError) -> [[LogEntry]]
}

extension MessageLog {
    package func read(_ topic: StoredTopic, after seq: Int64, limit: Int) async throws(DatabaseError) -> [LogEntry] {
        try await read([LogRead(topic: topic, after: seq, limit: limit)])[0]
    }
}

/// What is to be read of a log: at most `limit` entries, at least 1, that follow `seq`.
package struct LogRead: Sendable {
    package var topic: StoredTopic
    package var seq: Int64
    package var limit: Int

    package init(topic: StoredTopic, after seq: Int64, limit: Int) {
        precondition(limit > 0)
        self.topic = topic
        self.seq = seq
        self.limit = limit
    }
}

/// Gets the outcomes of appends that came from shards, after the `CommitObserver` got the entries.
package protocol OutcomeObserver: Sendable {
    func outcomes(_ outcomes: [(token: UInt64, outcome: AppendOutcome)], forShard index: Int)
}
