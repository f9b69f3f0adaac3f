import Synchronization

/// The agenda of wills, shared by all threads, and those who wait until the table knows what they told.
final class WillQueue: Sendable {
    private struct State {
        var agenda = WillAgenda()
        /// A task works on the agenda.
        var isRunning = false
        var waiting: [(record: UInt64, turn: CheckedContinuation<Bool, Never>)] = []
    }

    private let state = Mutex(State())

    /// Says something to the agenda, or asks it.
    func with<R: Sendable>(_ body: @Sendable (inout WillAgenda) -> R) -> R {
        state.withLock { body(&$0.agenda) }
    }

    /// - Returns: whether the caller has to work on the agenda: there is something to do, and nobody does it.
    func begin(now: Int64) -> Bool {
        state.withLock { state in
            guard !state.isRunning, state.agenda.hasNext(now: now) else { return false }
            state.isRunning = true
            return true
        }
    }

    /// The next thing to do; nil: the caller's work is done.
    func next(now: Int64) -> WillAgenda.Action? {
        state.withLock { state in
            let action = state.agenda.next(now: now)
            state.isRunning = action != nil
            return action
        }
    }

    func recorded(isDone: Bool, now: Int64) {
        let turns = state.withLock { state in
            state.agenda.recorded(isDone: isDone, now: now)
            let count = state.agenda.recordCount
            let over = state.waiting.filter { !isDone || $0.record <= count }
            state.waiting.removeAll { !isDone || $0.record <= count }
            return over.map(\.turn)
        }
        for turn in turns { turn.resume(returning: isDone) }
    }

    /// Waits until the table knows what was told so far; somebody has to work on the agenda meanwhile.
    /// - Returns: false: it can't be written now.
    func recordedAll(now: Int64, _ run: @Sendable () -> Void) async -> Bool {
        await withCheckedContinuation { turn in
            let answer: Bool? = state.withLock { state in
                let record = state.agenda.pendingRecord
                if record == 0 { return true }
                if state.agenda.isRecordHeldBack(now: now) { return false }
                state.waiting.append((record, turn))
                return nil
            }
            if let answer { turn.resume(returning: answer) } else { run() }
        }
    }

    func isIdle(now: Int64) -> Bool { state.withLock { !$0.isRunning && $0.agenda.isIdle(now: now) } }
}
