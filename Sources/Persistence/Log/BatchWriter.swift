import Synchronization

/// One writer: its queue, who drives it, and how it starts and ends. The work is `BatchLoop`'s.
///
/// What comes on a lane's thread while nothing is under way is sent and answered there, without a wake. Its own thread does what takes waiting,
/// and batches that are worth it.
final class BatchWriter: Sendable {
    let queue = AppendQueue()
    private let loop: Mutex<BatchLoop>
    private let budget: AppendBudget
    private let commits: any CommitObserver
    private let outcomes: any OutcomeObserver
    private let ending = Mutex<(isOver: Bool, waiting: CheckedContinuation<Void, Never>?)>((true, nil))

    init(
        url: String, limits: LogWriter.Limits, budget: AppendBudget, commits: any CommitObserver,
        outcomes: any OutcomeObserver, report: @escaping @Sendable (String) -> Void
    ) {
        loop = Mutex(BatchLoop(url: url, limits: limits, queue: queue, report: report))
        self.budget = budget
        self.commits = commits
        self.outcomes = outcomes
    }

    func start() {
        ending.withLock { $0.isOver = false }
        startThread("log-writer") {
            while self.loop.withLock({ $0.run(deliver: self.deliver) }) { self.queue.awaitTurn() }
            self.ending.withLock { ending in
                ending.isOver = true
                return ending.waiting.take()
            }?.resume()
        }
    }

    /// Returns when the thread has ended.
    func end() async {
        await withCheckedContinuation { continuation in
            let isOver = ending.withLock { ending in
                if !ending.isOver { ending.waiting = continuation }
                return ending.isOver
            }
            if isOver { continuation.resume() }
        }
    }

    /// Entries first, so that whoever learns of its success finds its entry on the way to the readers.
    func deliver(_ result: BatchResult) {
        if !result.entries.isEmpty { commits.committed(result.entries) }
        budget.giveBack(result.released)
        guard !result.outcomes.isEmpty else { return }
        precondition(result.outcomes.count == result.origins.count)
        var shards: [[(token: UInt64, outcome: AppendOutcome)]] = []
        for (outcome, origin) in zip(result.outcomes, result.origins) {
            guard case .shard(let index, let token) = origin else { continue }
            while shards.count <= index { shards.append([]) }
            shards[index].append((token, outcome))
        }
        for (index, list) in shards.enumerated() where !list.isEmpty { outcomes.outcomes(list, forShard: index) }
        for (outcome, origin) in zip(result.outcomes, result.origins) {
            if case .task(let continuation) = origin { continuation.resume(returning: outcome) }
        }
    }
}

extension BatchWriter: LaneWork {
    func begin() -> Int32? { queue.claim() ? advance(isReadable: false) : nil }

    func resume() -> Int32? { advance(isReadable: true) }

    func leave() { queue.leaveToThread() }

    func decline() { queue.callThread() }

    private func advance(isReadable: Bool) -> Int32? {
        let (stop, descriptor) = loop.withLock { loop in
            (loop.advance(isReadable: isReadable, deliver: deliver), loop.descriptor)
        }
        switch stop {
        case .answer: return descriptor
        case .parked: return nil
        case .needsThread:
            leave()
            return nil
        }
    }
}

/// What became of a batch, or of a part of it.
struct BatchResult {
    /// New in the log, by topic in ascending order of `seq`.
    var entries: [LogEntry] = []
    /// One for each of `origins`, in the order of the `append` calls; empty if these were told before.
    var outcomes: [AppendOutcome] = []
    var origins: [AppendOrigin] = []
    /// How many of the origins' entries no longer count as queued.
    var released = AppendBudget.Share()
}
