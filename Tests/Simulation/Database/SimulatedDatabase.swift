@testable import Persistence

/// PostgreSQL as the hub meets it: statements are done in an order of its own, answers are late or lost, connections break, and what
/// was committed stays.
final class SimulatedDatabase: @unchecked Sendable {
    /// A statement of the connection pool.
    final class Call {
        let name: StaticString
        /// Of the hub that waits for it.
        let life: Int
        private var execute: (() -> Void)?
        private let answer: CheckedContinuation<Bool, Never>

        init(_ name: StaticString, life: Int, _ answer: CheckedContinuation<Bool, Never>, execute: @escaping () -> Void)
        {
            self.name = name
            self.life = life
            self.answer = answer
            self.execute = execute
        }

        var isDone: Bool { execute == nil }

        func run() {
            execute?()
            execute = nil
        }

        func end(isAnswered: Bool) { answer.resume(returning: isAnswered) }
    }

    /// A batch of a log writer.
    final class Statement {
        enum Answer {
            case committed([Int64])
            case sorted([PublishBatch.CarefulResult])
            case failed(DatabaseError)
        }

        let batch: PublishBatch
        let isCareful: Bool
        let sentAt: Int64
        /// What the server says; nil: it is still at it.
        var answer: Answer?
        /// The writer has given it up; the server may not have noticed.
        var isOrphan = false
        /// The server is not heard of until then.
        var hangsUntil: Int64 = 0

        init(_ batch: PublishBatch, isCareful: Bool, sentAt: Int64) {
            self.batch = batch
            self.isCareful = isCareful
            self.sentAt = sentAt
        }
    }

    private static let away = DatabaseError.unavailable("the simulated database is away")
    /// The server's own limit, a second above the writers'.
    private static let statementMilliseconds: Int64 = 16_000

    let world: World
    var profile: Profile
    var tables = Tables()
    private(set) var isUp = true
    /// Counts falls: connections from before are dead.
    private(set) var era = 0
    private(set) var calls: [Call] = []
    private(set) var statements: [Statement] = []
    /// The hub that runs now; what earlier ones ask is not heard.
    var life = 0

    init(_ world: World, _ profile: Profile) {
        self.world = world
        self.profile = profile
    }

    /// Runs `body` as one transaction, when the database comes to it.
    func call<Result>(
        _ life: Int, _ name: StaticString, _ body: @escaping (inout Tables) -> Result
    ) async throws(DatabaseError) -> Result {
        guard life == self.life else { throw Self.away }
        nonisolated(unsafe) var result: Result?
        let isAnswered = await withCheckedContinuation { continuation in
            calls.append(Call(name, life: life, continuation) { result = body(&self.tables) })
        }
        guard isAnswered, let result else { throw Self.away }
        return result
    }

    // MARK: Steps

    private func happens(_ perMille: Int) -> Bool { !world.isHealed && world.random.happens(perMille) }

    /// Moves one call on: it is done, or answered, or fails.
    func stepCall() {
        let index = world.random.below(calls.count), call = calls[index]
        guard isUp, !happens(profile.callFailures) else { return end(index, isAnswered: false) }
        if call.isDone {
            end(index, isAnswered: !happens(profile.lostAnswers))
        } else {
            world.note("done", index, 0, "\(call.name)")
            call.run()
            if world.random.happens(500) { end(index, isAnswered: !happens(profile.lostAnswers)) }
        }
    }

    private func end(_ index: Int, isAnswered: Bool) {
        let call = calls.remove(at: index)
        world.note(isAnswered ? "answered" : "call failed", index, call.isDone ? 1 : 0, "\(call.name)")
        call.end(isAnswered: isAnswered)
    }

    func send(_ batch: PublishBatch, isCareful: Bool) -> Statement {
        let statement = Statement(batch, isCareful: isCareful, sentAt: world.now)
        statements.append(statement)
        return statement
    }

    /// A new connection has the server end an earlier one (`ServerConnection.endOlder`), which may have committed just before.
    /// - Parameter statement: that the earlier connection had sent; nil: all that nobody waits for any more, since a hub starts.
    func endOrphans(_ statement: Statement? = nil) {
        let ended = statements.filter { statement == nil ? $0.isOrphan : $0 === statement }
        for orphan in ended where world.random.happens(500) { commit(orphan) }
        statements.removeAll { candidate in ended.contains { $0 === candidate } }
    }

    /// Moves one batch on.
    func stepStatement() {
        let index = world.random.below(statements.count), statement = statements[index]
        if world.now < statement.hangsUntil, !world.isHealed { return }
        if statement.isOrphan, world.isHealed || world.now - statement.sentAt > Self.statementMilliseconds {
            world.note("gave up", index)
            statements.remove(at: index)
        } else if happens(profile.statementHangs) {
            world.note("hangs", index)
            statement.hangsUntil = world.now + Int64(world.random.pick([20, 300, 20_000]))
        } else if happens(profile.statementRefusals) {
            refuse(index)
        } else {
            execute(index)
        }
    }

    private func execute(_ index: Int) {
        let statement = statements.remove(at: index)
        world.note(
            "executed", index, statement.batch.appends.count,
            "\(statement.isCareful ? "carefully" : "") \(statement.isOrphan ? "late" : "") \(statement.batch.description)"
        )
        let answer: Statement.Answer
        if statement.isCareful {
            answer = .sorted(tables.publishCarefully(statement.batch))
        } else {
            do {
                answer = .committed(try tables.publish(statement.batch))
            } catch {
                answer = .failed(error)
            }
        }
        statement.answer = happens(profile.lostAnswers) ? .failed(Self.away) : answer
    }

    private func refuse(_ index: Int) {
        let statement = statements.remove(at: index)
        let failure: DatabaseError
        switch world.random.below(6) {
        case 0: failure = .refused(code: "40P01", constraint: "", message: "deadlock detected")
        case 1: failure = .refused(code: "40001", constraint: "", message: "could not serialize access")
        case 2: failure = .refused(code: "XX000", constraint: "", message: "an internal error")
        default: failure = .unavailable("the disk is full")
        }
        world.note("refused", index, 0, "\(failure)")
        statement.answer = .failed(failure)
    }

    // MARK: Outages

    /// The server falls: of what runs, some was committed just before.
    func fall() {
        world.note("database falls")
        isUp = false
        era += 1
        for statement in statements {
            if world.random.happens(500) { commit(statement) }
            statement.answer = .failed(Self.away)
        }
        statements = []
    }

    private func commit(_ statement: Statement) {
        if statement.isCareful {
            _ = tables.publishCarefully(statement.batch)
        } else {
            _ = try? tables.publish(statement.batch)
        }
    }

    func rise() {
        world.note("database rises")
        isUp = true
    }

    /// The hub is gone: nobody waits for answers any more, but the server may be about to commit what it was asked.
    func forgetHub() {
        for statement in statements { statement.isOrphan = true }
        life += 1
        for call in calls {
            if !call.isDone, isUp, world.random.happens(500) { call.run() }
            call.end(isAnswered: false)
        }
        calls = []
    }
}

extension PublishBatch {
    fileprivate var description: String {
        appends.map { "\($0.topic.id): \($0.id) \(String(decoding: $0.suffix.suffix(30), as: UTF8.self))" }.joined(
            separator: ", ")
    }
}
