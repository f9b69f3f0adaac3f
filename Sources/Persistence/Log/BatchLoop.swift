/// Does what `BatchStateMachine` decides, on the writer's connection. Two may drive it, one at a time: the writer's thread, which may wait
/// for anything, and the thread of a `DatabaseLane`, which waits for nothing and leaves everything unusual to the other.
///
/// While PostgreSQL works on a batch, the one before is reported.
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

    private var machine: BatchStateMachine
    private var action: BatchStateMachine.Action
    private var server = ServerConnection.closed()
    /// The server's for the last connection; nil: there was none.
    private var process: ServerProcess?
    private var buffer = ParameterBuffer()
    private var backlog = Backlog()
    /// Of the batch that was sent.
    private var answer = PartialAnswer()
    /// When the batch that was sent is given up; monotonic milliseconds.
    private var answerDueAt: Int64 = 0
    /// To be reported while something else is waited for.
    private var results: [BatchResult] = []

    init(
        url: String, limits: LogWriter.Limits, queue: AppendQueue, report: @escaping @Sendable (String) -> Void
    ) {
        self.url = url
        self.limits = limits
        self.queue = queue
        self.report = report
        machine = BatchStateMachine(unavailableAfterMilliseconds: limits.unavailableAfterMilliseconds)
        action = machine.firstAction
    }

    // MARK: On the writer's thread

    /// Goes on until nothing is left to do, and the queue is parked. False: it is closed, and all is reported.
    mutating func run(deliver: (BatchResult) -> Void) -> Bool {
        while true {
            if action != .take && action != .send { deliverResults(deliver) }
            do throws(DatabaseError) {
                switch action {
                case .take:
                    if let batch = nextBatch(deliver) {
                        take(batch)
                    } else if queue.park() {
                        return true
                    } else if queue.isOver {
                        return false
                    }
                case .connect:
                    try connect()
                    perform(machine.connected(now: monotonicMilliseconds()))
                case .send:
                    machine.content.encode(into: &buffer)
                    try server.start(PublishBatch.publish, buffer, limitMilliseconds: limits.statementMilliseconds)
                    sent()
                case .awaitAnswer:
                    let rest = answerDueAt - monotonicMilliseconds()
                    try server.finish(&answer, limitMilliseconds: rest)
                    try committed()
                case .sendCarefully:
                    let statement = machine.content.encodeCarefully(into: &buffer)
                    let rows = try server.run(statement, buffer, limitMilliseconds: limits.statementMilliseconds)
                    let sorted = machine.content.carefulResults(rows)
                    perform(machine.sorted(sorted, now: monotonicMilliseconds()))
                case .pause(let milliseconds):
                    queue.pause(milliseconds: milliseconds)
                    action = machine.paused()
                }
            } catch {
                failed(error)
            }
        }
    }

    /// Nil: nothing is there, and all is reported.
    private mutating func nextBatch(_ deliver: (BatchResult) -> Void) -> Backlog.Batch? {
        if let batch = backlog.next(from: queue, limits) { return batch }
        deliverResults(deliver)
        return backlog.next(from: queue, limits)
    }

    private mutating func connect() throws(DatabaseError) {
        let statementTimeout = "SET statement_timeout = \(limits.statementMilliseconds + 1_000);"
        var fresh = try ServerConnection.connect(url: url, settings: Self.sessionSettings + statementTimeout)
        // An attempt that is repeated must not be done later, when the log may have forgotten its entries again.
        if let process { _ = try fresh.endOlder([process]) }
        process = fresh.process
        server = fresh
    }

    // MARK: On a lane

    enum Stop {
        /// An answer is to come on `descriptor`.
        case answer
        /// Nothing is left to do, and the queue is parked.
        case parked
        /// The writer's thread is to go on.
        case needsThread
    }

    var descriptor: Int32 { server.descriptor }

    /// Goes on until something would have to be waited for.
    /// - Parameter isReadable: the descriptor is.
    mutating func advance(isReadable: Bool, deliver: (BatchResult) -> Void) -> Stop {
        do throws(DatabaseError) {
            if action == .awaitAnswer, isReadable {
                guard server.consume() else { throw .unavailable(server.lastError) }
                if server.gather(&answer) { try committed() }
            }
            // Many are for the thread: what they cost would hold up the lane's other work, and they share its wake.
            if action == .take, backlog.count(with: queue) <= limits.laneEntriesMax,
                let batch = backlog.next(from: queue, limits)
            {
                take(batch)
                if action == .send {
                    machine.content.encode(into: &buffer)
                    if try server.startPrepared(PublishBatch.publish, buffer) { sent() }
                }
            }
        } catch {
            failed(error)
        }
        deliverResults(deliver)
        switch action {
        // What does not fit into the socket now waits for its room.
        case .awaitAnswer: return server.flush() == .done ? .answer : .needsThread
        case .take: return backlog.isEmpty && queue.park() ? .parked : .needsThread
        case .connect, .send, .sendCarefully, .pause: return .needsThread
        }
    }

    // MARK: Events

    private mutating func take(_ batch: Backlog.Batch) {
        action = machine.taken(
            batch.content, batch.origins, isConnected: server.isAlive(), now: monotonicMilliseconds())
    }

    private mutating func sent() {
        answer = PartialAnswer()
        answerDueAt = monotonicMilliseconds() + limits.statementMilliseconds
        action = machine.sent()
    }

    /// The whole answer is there.
    private mutating func committed() throws(DatabaseError) {
        guard let result = try answer.get() else { throw .unavailable("no answer") }
        perform(machine.committed(seqs: machine.content.seqs(Rows(result)), now: monotonicMilliseconds()))
    }

    private mutating func failed(_ error: DatabaseError) {
        let isClosing = queue.isClosed
        perform(machine.failed(error, now: monotonicMilliseconds(), isClosing: isClosing))
        if !machine.isConnected { server.close() }
    }

    private mutating func perform(_ decision: BatchStateMachine.Decision) {
        for effect in decision.effects {
            switch effect {
            case .deliver(let result): results.append(result)
            case .noteAbsence(let isAway): queue.noteAbsence(isAway)
            case .refuseAppends(let isRefusing): queue.refuse(isRefusing)
            case .dropQueued: while let dropped = backlog.drop(from: queue) { results.append(dropped) }
            case .takeApart(let batch, let origins): backlog.putBack(batch.appends, origins)
            case .report(let line): report(line)
            }
        }
        action = decision.action
    }

    private mutating func deliverResults(_ deliver: (BatchResult) -> Void) {
        for result in results { deliver(result) }
        results.removeAll(keepingCapacity: true)
    }
}
