import Synchronization

/// Questions to the database that many clients ask at once, each alone. What comes while a statement runs goes with the next one: ten thousand
/// clients that come back together take some hundred statements, and a client that comes alone waits for nobody.
final class Batcher<Question: Sendable, Answer: Sendable>: Sendable {
    private typealias Outcome = Result<Answer, DatabaseError>

    private struct Waiting {
        var question: Question
        var turn: CheckedContinuation<Outcome, Never>
        var sinceMilliseconds: Int64
    }

    private struct State {
        var waiting: [Waiting] = []
        var runningCount = 0
    }

    /// Who has waited so long when the database turns out to be away waits no longer.
    private static var waitMillisecondsMax: Int64 { 10_000 }

    private let batchMax: Int
    private let runningMax: Int
    private let state = Mutex(State())
    private let run: @Sendable ([Question]) async throws -> [Answer]

    /// - Parameters:
    ///   - batchMax: questions in one run.
    ///   - runningMax: runs at a time.
    ///   - run: answers all of them, in their order. Runs again for each alone if the database refuses it: what is wrong with one must not be
    ///     the others' loss.
    init(batchMax: Int, runningMax: Int = 1, run: @escaping @Sendable ([Question]) async throws -> [Answer]) {
        precondition(batchMax > 0 && runningMax > 0)
        self.batchMax = batchMax
        self.runningMax = runningMax
        self.run = run
    }

    func ask(_ question: Question) async throws(DatabaseError) -> Answer {
        if begin() {
            defer { goOn() }
            return try await answer([question])[0].get()
        }
        return try await withCheckedContinuation { turn in enqueue(question, turn) }.get()
    }

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    // MARK: Who runs

    /// - Returns: whether the caller may run its question by itself.
    private func begin() -> Bool {
        state.withLock { state in
            guard state.runningCount < runningMax else { return false }
            state.runningCount += 1
            return true
        }
    }

    private func enqueue(_ question: Question, _ turn: CheckedContinuation<Outcome, Never>) {
        let mustRun = state.withLock { state in
            state.waiting.append(
                Waiting(question: question, turn: turn, sinceMilliseconds: monotonicMilliseconds()))
            guard state.runningCount < runningMax else { return false }
            state.runningCount += 1
            return true
        }
        if mustRun { goOn() }
    }

    /// What has come meanwhile has its turn, in a task of its own: who has an answer goes with it.
    private func goOn() {
        guard let first = takeBatch() else { return }
        Task {
            var batch = first
            while true {
                await answer(batch)
                guard let next = takeBatch() else { return }
                batch = next
            }
        }
    }

    /// Nil: nobody waits, and this run is over.
    private func takeBatch() -> [Waiting]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.runningCount -= 1
                return nil
            }
            let count = min(batchMax, state.waiting.count)
            defer { state.waiting.removeFirst(count) }
            return Array(state.waiting.prefix(count))
        }
    }

    // MARK: Running

    private func answer(_ batch: [Waiting]) async {
        let outcomes = await answer(batch.map(\.question))
        for (waiting, outcome) in zip(batch, outcomes) { waiting.turn.resume(returning: outcome) }
    }

    private func answer(_ questions: [Question]) async -> [Outcome] {
        do {
            let answers = try await run(questions)
            precondition(answers.count == questions.count)
            return answers.map { .success($0) }
        } catch let error as DatabaseError {
            if case .refused = error, questions.count > 1 { return await answerEach(questions) }
            return fail(questions, error)
        } catch {
            return fail(questions, .unavailable("\(error)"))
        }
    }

    private func answerEach(_ questions: [Question]) async -> [Outcome] {
        var outcomes: [Outcome] = []
        for question in questions { outcomes += await answer([question]) }
        return outcomes
    }

    /// A database that is away is mostly so for the next batch too: nobody has to find that out who has waited long.
    private func fail(_ questions: [Question], _ error: DatabaseError) -> [Outcome] {
        if case .unavailable = error {
            let now = monotonicMilliseconds()
            let late = state.withLock { state in
                let count = state.waiting.prefix { now - $0.sinceMilliseconds >= Self.waitMillisecondsMax }.count
                defer { state.waiting.removeFirst(count) }
                return state.waiting.prefix(count)
            }
            for waiting in late { waiting.turn.resume(returning: .failure(error)) }
        }
        return questions.map { _ in .failure(error) }
    }
}
