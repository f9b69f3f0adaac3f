@testable import Persistence

/// A log writer without its thread: what `BatchLoop` does between two waits is one step.
final class SimulatedWriter {
    private let world: World
    private let database: SimulatedDatabase
    private let ledger: Ledger
    private let writer: BatchWriter
    private let limits: LogWriter.Limits
    private var machine: BatchStateMachine
    private var backlog = Backlog()
    private var results: [BatchResult] = []
    private var action: BatchStateMachine.Action
    /// The database's era when the connection was made; -1: there is none.
    private var connectedEra = -1
    /// What is waited for.
    private var statement: SimulatedDatabase.Statement?
    /// What the last connection had sent when it broke.
    private var orphan: SimulatedDatabase.Statement?
    private var wakeAt: Int64 = 0

    init(
        _ world: World, _ database: SimulatedDatabase, _ ledger: Ledger, _ writer: BatchWriter,
        _ limits: LogWriter.Limits
    ) {
        self.world = world
        self.database = database
        self.ledger = ledger
        self.writer = writer
        self.limits = limits
        machine = BatchStateMachine(unavailableAfterMilliseconds: limits.unavailableAfterMilliseconds)
        action = machine.firstAction
    }

    /// - Returns: false: it waits.
    func step() -> Bool {
        switch action {
        case .take: return take()
        case .connect: connect()
        case .send:
            isConnected ? send(isCareful: false) : fail(.unavailable("the connection is lost"))
        case .awaitAnswer, .sendCarefully: return awaitAnswer()
        case .pause: return pause()
        }
        return true
    }

    private func take() -> Bool {
        guard let batch = backlog.next(from: writer.queue, limits) else {
            defer { deliverResults() }
            return !results.isEmpty
        }
        action = machine.taken(batch.content, batch.origins, isConnected: isConnected, now: world.now)
        return true
    }

    private var isConnected: Bool { connectedEra == database.era }

    private func connect() {
        deliverResults()
        connectedEra = database.isUp ? database.era : -1
        if isConnected, let orphan {
            database.endOrphans(orphan)
            self.orphan = nil
        }
        if isConnected { perform(machine.connected(now: world.now)) } else { fail(.unavailable("no connection")) }
    }

    private func send(isCareful: Bool) {
        statement = database.send(machine.content, isCareful: isCareful)
        if !isCareful { action = machine.sent() }
    }

    private func awaitAnswer() -> Bool {
        deliverResults()
        guard let statement else {
            isConnected ? send(isCareful: true) : fail(.unavailable("the connection is lost"))
            return true
        }
        if let answer = statement.answer {
            self.statement = nil
            switch answer {
            case .committed(let seqs): perform(machine.committed(seqs: seqs, now: world.now))
            case .sorted(let results): perform(machine.sorted(results, now: world.now))
            case .failed(let error): fail(error)
            }
        } else if world.now - statement.sentAt >= limits.statementMilliseconds {
            breakConnection()
        } else {
            return false
        }
        return true
    }

    private func pause() -> Bool {
        guard case .pause(let milliseconds) = action else { return false }
        deliverResults()
        if wakeAt == 0 { wakeAt = world.now + milliseconds }
        guard world.now >= wakeAt else { return false }
        wakeAt = 0
        action = machine.paused()
        return true
    }

    /// The server does not notice: it goes on with what it was asked.
    func breakConnection() {
        connectedEra = -1
        guard let statement else { return }
        world.note("writer's connection breaks")
        statement.isOrphan = true
        orphan = statement
        self.statement = nil
        fail(.unavailable("no answer"))
    }

    private func fail(_ error: DatabaseError) {
        // A batch that is refused for good, while the next one may be taken.
        if case .refused("XX000", _, _) = error { ledger.forgiveOrder(isSaid: false) }
        perform(machine.failed(error, now: world.now, isClosing: false))
        if !machine.isConnected { connectedEra = -1 }
    }

    private func perform(_ decision: BatchStateMachine.Decision) {
        for effect in decision.effects {
            switch effect {
            case .deliver(let result):
                results.append(result)
                if result.entries.isEmpty { ledger.forgiveOrder(isSaid: true) }
            case .noteAbsence(let isAway): writer.queue.noteAbsence(isAway)
            case .refuseAppends(let isRefusing): writer.queue.refuse(isRefusing)
            case .dropQueued: while let dropped = backlog.drop(from: writer.queue) { results.append(dropped) }
            case .takeApart(let batch, let origins): backlog.putBack(batch.appends, origins)
            case .report(let line): world.note("report", 0, 0, line)
            }
        }
        action = decision.action
    }

    private func deliverResults() {
        for result in results { writer.deliver(result) }
        results = []
    }

    /// The hub is gone. Whoever waited for an outcome in it must not be left waiting: only the simulation still sees them.
    func kill() {
        perform(machine.failed(.unavailable("the hub is gone"), now: world.now, isClosing: true))
        while let dropped = backlog.drop(from: writer.queue) { results.append(dropped) }
        deliverResults()
    }
}
