import Synchronization

/// What all writers may hold together: entries not yet reported, and their bytes.
final class AppendBudget: Sendable {
    /// What entries take of the budget.
    struct Share {
        /// Besides the suffix: the columns, and the place in the queue.
        private static let entryOverheadBytes = 256

        private(set) var entries = 0
        private(set) var bytes = 0

        init() {}

        init(_ append: Append) {
            entries = 1
            bytes = append.suffix.count + Self.entryOverheadBytes
        }

        init(_ appends: some Collection<Append>) {
            entries = appends.count
            for index in appends.indices { bytes += appends[index].suffix.count + Self.entryOverheadBytes }
        }
    }

    private let entriesMax: Int
    private let bytesMax: Int
    private let entries = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)

    init(entriesMax: Int, bytesMax: Int) {
        precondition(entriesMax > 0 && bytesMax > 0)
        self.entriesMax = entriesMax
        self.bytesMax = bytesMax
    }

    /// False: full; nothing was taken.
    func take(_ append: Append) -> Bool {
        let share = Share(append)
        let entriesNow = entries.add(share.entries, ordering: .relaxed).newValue
        let bytesNow = bytes.add(share.bytes, ordering: .relaxed).newValue
        guard entriesNow <= entriesMax && bytesNow <= bytesMax else {
            giveBack(share)
            return false
        }
        return true
    }

    /// For tests: entries that are not reported yet.
    var entriesCount: Int { entries.load(ordering: .relaxed) }

    var load: LogLoad {
        let share = max(
            Double(entries.load(ordering: .relaxed)) / Double(entriesMax),
            Double(bytes.load(ordering: .relaxed)) / Double(bytesMax))
        return share > 0.5 ? .heavy : share > 0.25 ? .moderate : .light
    }

    func giveBack(_ share: Share) {
        let left = entries.subtract(share.entries, ordering: .relaxed).newValue
        assert(left >= 0)
        bytes.subtract(share.bytes, ordering: .relaxed)
    }
}

/// The door of one writer: any thread puts appends in, the writer's thread takes all that is there.
final class AppendQueue: Sendable {
    struct Content {
        var appends: [Append] = []
        /// Of the same length.
        var origins: [AppendOrigin] = []
    }

    private struct State {
        var content = Content()
        var writerSleeps = false
        var isAway = false
        var isRefusing = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let wake = WakeSignal()

    /// False: closed, or the database has been away for long.
    func put(_ append: Append, _ origin: AppendOrigin) -> Bool {
        let (accepted, mustWake) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed, !state.isRefusing else { return (false, false) }
            state.content.appends.append(append)
            state.content.origins.append(origin)
            defer { state.writerSleeps = false }
            return (true, state.writerSleeps)
        }
        if mustWake { wake.set() }
        return accepted
    }

    /// Takes what is there in exchange for `content`, which must be empty (its memory is used again). With `mayWait` it returns empty only
    /// when the queue is closed.
    func take(_ content: inout Content, mayWait: Bool) {
        precondition(content.appends.isEmpty)
        while true {
            let isDone = state.withLock { state in
                swap(&content, &state.content)
                let isDone = !content.appends.isEmpty || !mayWait || state.isClosed
                state.writerSleeps = !isDone
                return isDone
            }
            if isDone { return }
            wake.wait(milliseconds: nil)
        }
    }

    /// The writer's sleep while the database is away; only `close` ends it early.
    func pause(milliseconds: Int64) { wake.wait(milliseconds: milliseconds) }

    /// Whether new appends are turned away.
    func refuse(_ isRefusing: Bool) { state.withLock { $0.isRefusing = isRefusing } }

    func noteAbsence(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    /// The writer waits for the database.
    var isAway: Bool { state.withLock { $0.isAway } }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Takes no more; the writer finishes what is there.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.writerSleeps = false
        }
        wake.set()
    }
}
