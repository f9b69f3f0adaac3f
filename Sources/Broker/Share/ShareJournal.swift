import Persistence
import Synchronization

/// Saves how far shared subscriptions have come. What comes while a statement runs goes with the next one; what could not be saved is
/// tried again with whatever comes next.
final class ShareJournal: Sendable {
    private struct State {
        /// By topic id of the log.
        var waiting: [Int64: Consumption] = [:]
        var isRunning = false

        mutating func take() -> [Int64: Consumption] {
            defer { waiting = [:] }
            return waiting
        }
    }

    private let state = Mutex(State())
    private let write: @Sendable ([Int64: Consumption]) async -> [Int64]

    /// - Parameter write: returns those that are committed, or need not be.
    init(write: @escaping @Sendable ([Int64: Consumption]) async -> [Int64]) { self.write = write }

    /// Nothing is under way.
    var isIdle: Bool { state.withLock { !$0.isRunning } }

    /// The newest of each log counts. Empty: tries again what could not be saved.
    func save(_ consumptions: [Int64: Consumption]) {
        let mustStart = state.withLock { state in
            state.waiting.merge(consumptions) { _, new in new }
            guard !state.waiting.isEmpty, !state.isRunning else { return false }
            state.isRunning = true
            return true
        }
        if mustStart { Task { await run() } }
    }

    /// The log is gone, and with it what was to be said about it.
    func forget(_ topicID: Int64) { state.withLock { $0.waiting[topicID] = nil } }

    private func run() async {
        var batch = state.withLock { $0.take() }
        while !batch.isEmpty {
            for saved in await write(batch) { batch[saved] = nil }
            let failed = batch
            batch = state.withLock { state in
                // Whatever has come meanwhile is newer, and its statement is the chance of the others, too.
                guard !state.waiting.isEmpty else {
                    state.waiting = failed
                    state.isRunning = false
                    return [:]
                }
                state.waiting.merge(failed) { new, _ in new }
                return state.take()
            }
        }
    }
}
