/// The loop of a writer thread: does what `BatchStateMachine` decides, on a connection that blocks. While PostgreSQL works on a batch, the
/// one before is reported.
struct BatchLoop: ~Copyable {
    /// Batches of one size come again and again: plan once. Hash and merge joins lose against the index, but the planner cannot know
    /// the arrays' lengths.
    private static let sessionSettings = """
        SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off;
        SET synchronous_commit = on;
        """

    private let url: String
    private let limits: LogWriter.Limits
    private let queue: AppendQueue
    private let report: @Sendable (String) -> Void
    private let deliver: (BatchResult) -> Void

    private var machine: BatchStateMachine
    private var server = ServerConnection.closed()
    /// The server's process for the last connection; 0: there was none.
    private var processID: Int64 = 0
    private var buffer = ParameterBuffer()
    private var backlog = Backlog()
    /// To be reported while something else is waited for.
    private var results: [BatchResult] = []

    init(
        url: String, limits: LogWriter.Limits, queue: AppendQueue, report: @escaping @Sendable (String) -> Void,
        deliver: @escaping (BatchResult) -> Void
    ) {
        self.url = url
        self.limits = limits
        self.queue = queue
        self.report = report
        self.deliver = deliver
        machine = BatchStateMachine(unavailableAfterMilliseconds: limits.unavailableAfterMilliseconds)
    }

    /// Returns when the queue is closed and all is reported.
    mutating func run() {
        var action = machine.firstAction
        while true {
            if action != .take && action != .send { deliverResults() }
            do throws(DatabaseError) {
                switch action {
                case .take:
                    guard let batch = nextBatch() else { return }
                    action = machine.taken(
                        batch.content, batch.origins, isConnected: server.isAlive(), now: monotonicMilliseconds())
                case .connect:
                    try connect()
                    action = perform(machine.connected(now: monotonicMilliseconds()))
                case .send:
                    machine.content.encode(into: &buffer)
                    try server.start(PublishBatch.publish, buffer, limitMilliseconds: limits.statementMilliseconds)
                    action = machine.sent()
                case .awaitAnswer:
                    guard let answer = try server.finish(limitMilliseconds: limits.statementMilliseconds) else {
                        throw .unavailable("no answer")
                    }
                    let seqs = machine.content.seqs(Rows(answer))
                    action = perform(machine.committed(seqs: seqs, now: monotonicMilliseconds()))
                case .sendCarefully:
                    let statement = machine.content.encodeCarefully(into: &buffer)
                    let rows = try server.run(statement, buffer, limitMilliseconds: limits.statementMilliseconds)
                    let sorted = machine.content.carefulResults(rows)
                    action = perform(machine.sorted(sorted, now: monotonicMilliseconds()))
                case .pause(let milliseconds):
                    queue.pause(milliseconds: milliseconds)
                    action = machine.paused()
                }
            } catch {
                let isClosing = queue.isClosed
                action = perform(machine.failed(error, now: monotonicMilliseconds(), isClosing: isClosing))
                if !machine.isConnected { server.close() }
            }
        }
    }

    /// Nil: the queue is closed and empty.
    private mutating func nextBatch() -> Backlog.Batch? {
        if let batch = backlog.next(from: queue, limits, mayWait: results.isEmpty) { return batch }
        guard !results.isEmpty else { return nil }
        deliverResults()
        return backlog.next(from: queue, limits, mayWait: true)
    }

    private mutating func connect() throws(DatabaseError) {
        let statementTimeout = "SET statement_timeout = \(limits.statementMilliseconds + 1_000);"
        var fresh = try ServerConnection.connect(url: url, settings: Self.sessionSettings + statementTimeout)
        // An attempt that is repeated must not be done later, when the log may have forgotten its entries again.
        if processID != 0 { _ = try fresh.endOlder([processID]) }
        processID = fresh.processID
        server = fresh
    }

    private mutating func perform(_ decision: BatchStateMachine.Decision) -> BatchStateMachine.Action {
        for effect in decision.effects {
            switch effect {
            case .deliver(let result): results.append(result)
            case .noteAbsence(let isAway): queue.noteAbsence(isAway)
            case .refuseAppends(let isRefusing): queue.refuse(isRefusing)
            case .dropQueued: while let dropped = backlog.drop(from: queue) { results.append(dropped) }
            case .report(let line): report(line)
            }
        }
        return decision.action
    }

    private mutating func deliverResults() {
        for result in results { deliver(result) }
        results.removeAll(keepingCapacity: true)
    }
}
