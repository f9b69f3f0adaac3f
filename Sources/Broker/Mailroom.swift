import Persistence

/// Brings what other threads have to say to the shards: committed entries, outcomes, revocations.
package struct Mailroom: CommitObserver, OutcomeObserver, RevocationObserver, ReadObserver {
    package let shardCount: Int
    private let post: @Sendable (ShardMail, Int) -> Void

    /// - Parameter post: puts mail into the mailbox of the shard with that index.
    package init(shardCount: Int, post: @escaping @Sendable (ShardMail, Int) -> Void) {
        precondition(1...64 ~= shardCount, "routes hold a bit for each shard")
        self.shardCount = shardCount
        self.post = post
    }

    func post(_ mail: ShardMail, to shard: Int) { post(mail, shard) }

    func postToOthers(_ mail: ShardMail, from shard: Int) {
        for other in 0..<shardCount where other != shard { post(mail, other) }
    }

    /// Nobody has subscribed to these filters for a while: their logs are gone.
    package func filterLogsRemoved(_ logs: [FilterLog]) {
        for log in logs { for shard in 0..<shardCount { post(.filterLogRemoved(log), shard) } }
    }

    /// The beginning of a log has been deleted.
    package func trimmed(_ topicID: Int64, firstSeq: Int64) {
        for shard in 0..<shardCount { post(.trimmed(topicID: topicID, firstSeq: firstSeq), shard) }
    }

    package func committed(_ entries: [LogEntry]) {
        for shard in 0..<shardCount { post(.committed(entries), shard) }
    }

    package func outcomes(_ outcomes: [(token: UInt64, outcome: AppendOutcome)], forShard index: Int) {
        post(.outcomes(outcomes), index)
    }

    package func hasRead(_ receipt: ReadReceipt) {
        for shard in 0..<shardCount { post(.read(receipt), shard) }
    }

    /// Log-out, revocation: live connections of that log-in session end.
    package func sessionRevoked(_ sessionID: Int64) {
        for shard in 0..<shardCount { post(.loginSessionRevoked(sessionID), shard) }
    }

    /// An account's end: live connections of that user end.
    package func userEnded(_ userID: Int64) {
        for shard in 0..<shardCount { post(.userEnded(userID), shard) }
    }
}
