import Synchronization

/// A question to all shards: whoever asks goes on when each has answered. May be answered on any thread.
package final class Survey<Answer: Sendable>: Sendable {
    private struct State {
        var answers: [Answer] = []
        var missing: Int
    }

    private let state: Mutex<State>
    private let continuation: CheckedContinuation<[Answer], Never>

    /// - Parameter count: how many are asked, at least one.
    init(count: Int, _ continuation: CheckedContinuation<[Answer], Never>) {
        precondition(count > 0)
        state = Mutex(State(missing: count))
        self.continuation = continuation
    }

    func answer(_ answer: Answer) {
        let answers = state.withLock { state in
            precondition(state.missing > 0, "each answers once")
            state.answers.append(answer)
            state.missing -= 1
            return state.missing == 0 ? state.answers : nil
        }
        if let answers { continuation.resume(returning: answers) }
    }
}

extension Hub {
    /// The answers of all shards, in any order.
    func ask<Answer: Sendable>(_ mail: (Survey<Answer>) -> ShardMail) async -> [Answer] {
        await withCheckedContinuation { continuation in
            let survey = Survey(count: mailroom.shardCount, continuation)
            for shard in 0..<mailroom.shardCount { mailroom.post(mail(survey), to: shard) }
        }
    }
}
