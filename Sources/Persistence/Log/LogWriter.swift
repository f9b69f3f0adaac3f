/// The logs in PostgreSQL. Appends are committed in batches by a few writers; a topic always has the same one, so its entries keep the
/// order of the `append` calls.
package final class LogWriter: MessageLog {
    package struct Limits: Sendable {
        /// Each with a thread and a connection of its own, and one batch in flight (docs/decisions/0002).
        package var writers = 2
        package var batchEntriesMax = 512
        /// More than these are not for a lane's thread, whose other work they would hold up.
        package var laneEntriesMax = 32
        /// A batch ends early at so many bytes, that one statement stays a few megabytes.
        package var batchBytesMax = 4 << 20
        /// Of all writers together, until reported.
        package var queueEntriesMax = 65_536
        package var queueBytesMax = 64 << 20
        /// When the database has been away for so long, what waits is reported as unavailable, and appends are refused until it is back.
        package var unavailableAfterMilliseconds: Int64 = 30_000
        /// A batch without an answer for so long is in an unknown state: the connection is dropped, the batch sent again.
        package var statementMilliseconds: Int64 = 15_000

        package init() {}

        /// - Parameter publishWaitMilliseconds: how long publishes wait for a database that is away or hangs.
        package init(publishWaitMilliseconds: Int64) {
            unavailableAfterMilliseconds = publishWaitMilliseconds
            // No shorter than what a busy server takes.
            statementMilliseconds = min(statementMilliseconds, max(publishWaitMilliseconds, 1_000))
        }
    }

    /// Readers that share a statement, each with a page or a few short ones: ten thousand who come back at once must not take all connections.
    private static let readersMax = 8
    private static let readsRunningMax = 4

    private let database: Database
    let budget: AppendBudget
    let writers: [BatchWriter]
    private let reads: Batcher<[LogRead], [[LogEntry]]>

    /// - Parameters:
    ///   - url: libpq's connection string or URI, for the writers.
    ///   - database: for reading; its lanes lend the writers their threads.
    ///   - commits: called on the writers' threads or a lane's, before `outcomes`.
    ///   - report: gets a line when the database goes, comes back, or refuses a batch.
    package init(
        url: String, database: Database, limits: Limits = Limits(), commits: any CommitObserver,
        outcomes: any OutcomeObserver, report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        precondition(limits.writers > 0 && limits.batchEntriesMax > 0)
        let budget = AppendBudget(entriesMax: limits.queueEntriesMax, bytesMax: limits.queueBytesMax)
        self.database = database
        self.budget = budget
        let reader = LogReader(database)
        reads = Batcher(batchMax: Self.readersMax, runningMax: Self.readsRunningMax) { readers in
            var pages = try await reader.read(Array(readers.joined()))[...]
            return readers.map { reads in
                defer { pages = pages.dropFirst(reads.count) }
                return Array(pages.prefix(reads.count))
            }
        }
        writers = (0..<limits.writers).map { _ in
            BatchWriter(
                url: url, limits: limits, budget: budget, commits: commits, outcomes: outcomes, report: report)
        }
    }

    /// Starts the threads; they hold the writer until `close`.
    package func start() {
        for writer in writers { writer.start() }
    }

    /// Takes no more appends, commits what is queued (unless the database is away), returns when all outcomes are out.
    package func close() async {
        for writer in writers { writer.queue.close() }
        for writer in writers { await writer.end() }
    }

    package var load: LogLoad { budget.load }

    /// Nothing can be stored for the moment.
    package var isAway: Bool { writers.contains { $0.queue.isAway } }

    package func append(_ append: Append, origin: AppendOrigin) -> Bool {
        guard budget.take(append) else { return false }
        let writer = writers[index(ofTopic: append.topic.id)]
        switch writer.queue.put(append, origin) {
        case .queued: break
        case .queuedFirst:
            if let lane = database.currentLane { lane.take(writer) } else { writer.queue.callThread() }
        case .refused:
            budget.giveBack(AppendBudget.Share(append))
            return false
        }
        return true
    }

    package func read(_ reads: [LogRead]) async throws(DatabaseError) -> [[LogEntry]] {
        try await self.reads.ask(reads)
    }

    /// The upper half of a product with 2^64 / golden ratio: ids made one after the other spread evenly.
    private func index(ofTopic id: Int64) -> Int {
        let hash = UInt64(bitPattern: id) &* 0x9E37_79B9_7F4A_7C15
        return Int((hash >> 32) % UInt64(writers.count))
    }
}
