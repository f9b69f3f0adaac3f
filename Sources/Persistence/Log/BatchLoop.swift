/// The loop of a writer thread: take what is queued, send it as one statement, and while PostgreSQL works on it report the batch
/// before.
///
/// A batch whose fate is unknown, because the connection broke after it was sent, is repeated through `confab_publish_careful` until
/// that answers, before any later batch: so nothing is stored twice, and the order within a topic holds.
struct BatchLoop: ~Copyable {
    /// Between attempts while the database is away; doubles up to the maximum.
    private static let backoffMillisecondsMin: Int64 = 50
    private static let backoffMillisecondsMax: Int64 = 1_000

    /// Batches of one size come again and again: plan once. Hash and merge joins lose against the index, but the planner cannot know
    /// the arrays' lengths.
    private static let sessionSettings = """
        SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off;
        SET synchronous_commit = on;
        """

    private enum Stage {
        /// Not sent.
        case fresh
        /// `confab_publish` runs.
        case sent
        /// To be sent through `confab_publish_careful`.
        case careful
    }

    private struct Batch {
        var content: PublishBatch
        var origins: [AppendOrigin]
        var stage = Stage.fresh
        /// An attempt may have been committed without our knowing.
        var isUnknown = false
        /// The origins were told that it is unavailable; only the log must still be set right.
        var isReported = false
    }

    private let url: String
    private let limits: LogWriter.Limits
    private let queue: AppendQueue
    private let report: @Sendable (String) -> Void
    private let deliver: (BatchResult) -> Void

    private var server = ServerConnection.closed()
    /// The server's process for the last connection; 0: there was none.
    private var processID: Int64 = 0
    private var buffer = ParameterBuffer()
    /// Taken from the queue, not yet in a batch: from `backlogStart` on.
    private var backlog = AppendQueue.Content()
    private var backlogStart = 0
    /// Since when the database has not answered; nil: it does.
    private var awaySince: Int64?

    init(
        url: String, limits: LogWriter.Limits, queue: AppendQueue, report: @escaping @Sendable (String) -> Void,
        deliver: @escaping (BatchResult) -> Void
    ) {
        self.url = url
        self.limits = limits
        self.queue = queue
        self.report = report
        self.deliver = deliver
    }

    /// Returns when the queue is closed and all is reported.
    mutating func run() {
        // Not needed yet, but then the first batch need not wait for it; a failure shows again when it is needed.
        try? connect()
        var finished: BatchResult?
        while true {
            var batch = nextBatch(mayWait: finished == nil)
            if batch == nil && finished == nil { return }
            // If that fails, `complete` finds out.
            if batch != nil { try? send(&batch!) }
            if let result = finished.take() { deliver(result) }
            if batch != nil { finished = complete(&batch!) }
        }
    }

    // MARK: Taking

    private mutating func nextBatch(mayWait: Bool) -> Batch? {
        if backlogStart == backlog.appends.count {
            backlog.appends.removeAll(keepingCapacity: true)
            backlog.origins.removeAll(keepingCapacity: true)
            backlogStart = 0
            queue.take(&backlog, mayWait: mayWait)
        }
        var end = backlogStart
        var bytes = 0
        while end < backlog.appends.count, end - backlogStart < limits.batchEntriesMax, bytes < limits.batchBytesMax {
            bytes += backlog.appends[end].suffix.count
            end += 1
        }
        guard end > backlogStart else { return nil }
        defer { backlogStart = end }
        return Batch(
            content: PublishBatch(Array(backlog.appends[backlogStart..<end])),
            origins: Array(backlog.origins[backlogStart..<end]))
    }

    // MARK: Sending

    /// Sends a fresh batch, if there is a connection.
    private mutating func send(_ batch: inout Batch) throws(DatabaseError) {
        precondition(batch.stage == .fresh)
        // Found out before a byte is sent, a lost connection leaves no doubt about the batch.
        guard server.isAlive() else { return server.close() }
        batch.content.encode(into: &buffer)
        do throws(DatabaseError) {
            // From here on its bytes may have left.
            batch.stage = .sent
            try server.start(PublishBatch.publish, buffer, limitMilliseconds: limits.statementMilliseconds)
        } catch {
            switch error {
            case .refused: batch.stage = .fresh
            case .unavailable: server.close()
            }
            throw error
        }
    }

    private mutating func connect() throws(DatabaseError) {
        let statementTimeout = "SET statement_timeout = \(limits.statementMilliseconds + 1_000);"
        var fresh = try ServerConnection.connect(url: url, settings: Self.sessionSettings + statementTimeout)
        // An attempt that is repeated must not be done later, when the log may have forgotten its entries again.
        if processID != 0 { _ = try fresh.endOlder([processID]) }
        processID = fresh.processID
        server = fresh
    }

    /// Until the batch's fate is known. Nil: nothing is left to report.
    private mutating func complete(_ batch: inout Batch) -> BatchResult? {
        var backoff = Self.backoffMillisecondsMin
        var hasTriedCarefully = false
        while true {
            let failure: DatabaseError
            do throws(DatabaseError) {
                let result = try attempt(&batch)
                comeBack()
                return result
            } catch {
                failure = error
            }
            if failure.asksForCare {
                batch.stage = .careful
                // The careful way is the answer to this failure; if it fails like this too, not at once again.
                if !hasTriedCarefully {
                    hasTriedCarefully = true
                    continue
                }
            } else {
                if let result = afterFailure(failure, &batch) { return result }
                if queue.isClosed { return giveUp(&batch) }
            }
            queue.pause(milliseconds: backoff)
            backoff = min(backoff * 2, Self.backoffMillisecondsMax)
        }
    }

    private mutating func attempt(_ batch: inout Batch) throws(DatabaseError) -> BatchResult? {
        if !server.isOpen {
            if batch.stage == .sent {
                batch.stage = .careful
                batch.isUnknown = true
                report("log writer: \(batch.content.appends.count) entries in an unknown state")
            }
            try connect()
        }
        if batch.content.appends.isEmpty { return nil }
        if batch.stage == .fresh { try send(&batch) }
        do throws(DatabaseError) {
            if batch.stage == .sent {
                guard let answer = try server.finish(limitMilliseconds: limits.statementMilliseconds) else {
                    throw .unavailable("no answer")
                }
                return committed(batch, batch.content.seqs(Rows(answer)))
            }
            batch.content.encodeCarefully(into: &buffer)
            let rows = try server.run(
                PublishBatch.publishCarefully, buffer, limitMilliseconds: limits.statementMilliseconds)
            return sorted(batch, batch.content.carefulResults(rows))
        } catch {
            if case .unavailable = error {
                if batch.stage == .careful { batch.isUnknown = true }
                server.close()
            }
            throw error
        }
    }

    // MARK: Trouble

    /// Returns a result if the batch is over: the server refused it, and no earlier attempt can have been committed.
    private mutating func afterFailure(_ failure: DatabaseError, _ batch: inout Batch) -> BatchResult? {
        if case .refused(let code, _, let message) = failure {
            report("log writer: the database refuses a batch: \(code) \(message)")
            // The next connection may lead to a server that can write (25006: this one is a standby now).
            server.close()
            if !batch.isUnknown {
                batch.stage = .fresh
                return unavailable(&batch)
            }
        }
        let now = monotonicMilliseconds()
        if awaySince == nil {
            report("log writer: the database is away: \(failure)")
            awaySince = now
        }
        if now - awaySince! >= limits.unavailableAfterMilliseconds { stopWaiting(&batch) }
        return nil
    }

    /// The database has been away for too long: who waits is told, who comes is refused. The batch stays if its fate is unknown.
    private mutating func stopWaiting(_ batch: inout Batch) {
        queue.refuse(true)
        if let result = unavailable(&batch) { deliver(result) }
        dropBacklog()
    }

    /// Closing while the database is away: nothing is waited for.
    private mutating func giveUp(_ batch: inout Batch) -> BatchResult {
        var result = unavailable(&batch) ?? BatchResult()
        result.released += batch.content.appends
        dropBacklog()
        return result
    }

    /// Reports all that was never sent as unavailable.
    private mutating func dropBacklog() {
        repeat {
            let rest = BatchResult(
                outcomes: Array(repeating: .unavailable, count: backlog.appends.count - backlogStart),
                origins: Array(backlog.origins[backlogStart...]), released: Array(backlog.appends[backlogStart...]))
            deliver(rest)
            backlog = AppendQueue.Content()
            backlogStart = 0
            queue.take(&backlog, mayWait: false)
        } while !backlog.appends.isEmpty
    }

    /// Tells the batch's origins; once. What is certainly not in the log is dropped.
    private func unavailable(_ batch: inout Batch) -> BatchResult? {
        var result = BatchResult()
        if !batch.isReported {
            batch.isReported = true
            result.origins = batch.origins
            result.outcomes = Array(repeating: .unavailable, count: batch.origins.count)
            batch.origins = []
        }
        if !batch.isUnknown && batch.stage != .sent {
            result.released = batch.content.appends
            batch.content = PublishBatch([])
        }
        return result.outcomes.isEmpty && result.released.isEmpty ? nil : result
    }

    private mutating func comeBack() {
        guard let since = awaySince else { return }
        awaySince = nil
        queue.refuse(false)
        report("log writer: the database is back after \(monotonicMilliseconds() - since) ms")
    }

    // MARK: Results

    private func committed(_ batch: Batch, _ seqs: [Int64]) -> BatchResult {
        let appends = batch.content.appends
        var result = BatchResult(origins: batch.origins, released: appends)
        result.entries.reserveCapacity(appends.count)
        result.outcomes.reserveCapacity(appends.count)
        for index in batch.content.indexesByTopic { result.entries.append(LogEntry(appends[index], seq: seqs[index])) }
        for index in appends.indices { result.outcomes.append(.committed(seq: seqs[index], id: appends[index].id)) }
        return result
    }

    private func sorted(
        _ batch: Batch, _ answers: [(seq: Int64, id: Int64, state: PublishBatch.CarefulState)]
    ) -> BatchResult {
        let appends = batch.content.appends
        var outcomes: [AppendOutcome] = []
        for (append, answer) in zip(appends, answers) {
            switch answer.state {
            case .appended: outcomes.append(.committed(seq: answer.seq, id: answer.id))
            case .same where batch.isUnknown && answer.id == append.id:
                // Our own lost attempt had been committed: nobody was told yet.
                outcomes.append(.committed(seq: answer.seq, id: answer.id))
            case .same: outcomes.append(.repeated(seq: answer.seq, id: answer.id))
            case .other: outcomes.append(.clientRefReused)
            case .topicMissing: outcomes.append(.topicGone)
            }
        }
        var result = BatchResult(released: appends)
        for index in batch.content.indexesByTopic {
            guard case .committed(let seq, _) = outcomes[index] else { continue }
            result.entries.append(LogEntry(appends[index], seq: seq))
        }
        if !batch.isReported {
            result.outcomes = outcomes
            result.origins = batch.origins
        }
        return result
    }
}

extension DatabaseError {
    /// An entry was there before, a topic is missing, or a deadlock: the careful way sorts it out.
    fileprivate var asksForCare: Bool {
        switch self {
        case .refused(let code, _, _): code == "23505" || code == "P0002" || isRetryable
        case .unavailable: false
        }
    }
}

extension LogEntry {
    init(_ append: Append, seq: Int64) {
        self.init(
            topic: append.topic, seq: seq, id: append.id, senderID: append.senderID, kind: append.kind,
            suffix: append.suffix, change: append.change)
    }
}
