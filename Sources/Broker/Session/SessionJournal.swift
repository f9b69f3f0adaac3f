import Persistence
import Synchronization

/// Saves the states of sessions. What comes while a statement runs goes with the next one: many sessions share a commit, and a session
/// that changes quickly is written once for many changes.
final class SessionJournal: Sendable {
    /// Who wants to know that a state is saved.
    enum Reader: Sendable {
        /// A shard; `session` is its token for the session, `revision` the session's own count of changes.
        case shard(Int, session: UInt64, revision: UInt32)
        case task(CheckedContinuation<Bool, Never>)
    }

    private struct Waiting {
        var state: SessionState
        var readers: [Reader]
    }

    private struct State {
        var waiting: [Int64: Waiting] = [:]
        var isRunning = false
    }

    /// Sessions in one statement.
    private static let batchMax = 256

    private let state = Mutex(State())
    private let write: @Sendable ([(id: Int64, state: SessionState)]) async -> Bool
    private let post: @Sendable (ShardMail, Int) -> Void

    /// - Parameter write: returns whether the states are committed.
    init(
        write: @escaping @Sendable ([(id: Int64, state: SessionState)]) async -> Bool,
        post: @escaping @Sendable (ShardMail, Int) -> Void
    ) {
        self.write = write
        self.post = post
    }

    /// The newest state of a session counts; all who asked are told when it, or a newer one, is saved.
    func save(_ id: Int64, _ session: SessionState, for reader: Reader) {
        let mustStart = state.withLock { state in
            let readers = state.waiting[id]?.readers ?? []
            state.waiting[id] = Waiting(state: session, readers: readers + [reader])
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { Task { await run() } }
    }

    /// - Returns: whether it is committed.
    func save(_ id: Int64, _ session: SessionState) async -> Bool {
        await withCheckedContinuation { save(id, session, for: .task($0)) }
    }

    private func run() async {
        while let batch = takeBatch() {
            let isSaved = await write(batch.map { ($0.key, $0.value.state) })
            var mail: [Int: [SavedSession]] = [:]
            for reader in batch.values.flatMap(\.readers) {
                switch reader {
                case .shard(let shard, let session, let revision):
                    mail[shard, default: []].append(SavedSession(session: session, revision: revision))
                case .task(let continuation): continuation.resume(returning: isSaved)
                }
            }
            for (shard, sessions) in mail { post(.sessionsSaved(sessions, isSaved: isSaved), shard) }
        }
    }

    /// Nil: nothing waits, and the next who comes starts anew.
    private func takeBatch() -> [Int64: Waiting]? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.isRunning = false
                return nil
            }
            guard state.waiting.count > Self.batchMax else {
                defer { state.waiting = [:] }
                return state.waiting
            }
            var batch: [Int64: Waiting] = [:]
            for (id, waiting) in state.waiting.prefix(Self.batchMax) {
                batch[id] = waiting
                state.waiting[id] = nil
            }
            return batch
        }
    }
}

/// A session whose state, as of a revision, is saved.
package struct SavedSession: Sendable {
    var session: UInt64
    var revision: UInt32
}
