import Synchronization

/// How many large bodies are under way at once. Each takes some memory for as long as its client likes, so they are counted: too many are
/// told to come again, one user's before all together.
final class TransferGate: Sendable {
    struct Limits: Sendable {
        /// Of one kind, of all users.
        var total: Int
        /// Of one user.
        var perUser: Int
    }

    private struct State {
        var total = 0
        var byUser: [Int64: Int] = [:]
    }

    private let limits: Limits
    private let state = Mutex(State())

    init(_ limits: Limits) { self.limits = limits }

    /// False: there are too many.
    func enter(_ userID: Int64) -> Bool {
        state.withLock { state in
            let own = state.byUser[userID, default: 0]
            guard state.total < limits.total, own < limits.perUser else { return false }
            state.total += 1
            state.byUser[userID] = own + 1
            return true
        }
    }

    /// One that had entered is over.
    func leave(_ userID: Int64) {
        state.withLock { state in
            guard let own = state.byUser[userID] else { preconditionFailure("nobody leaves twice") }
            state.total -= 1
            state.byUser[userID] = own > 1 ? own - 1 : nil
        }
    }
}
