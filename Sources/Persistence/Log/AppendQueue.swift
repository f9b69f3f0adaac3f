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

/// The door of one writer: any thread puts appends in, whoever drives the writer takes all that is there. Parked, nobody drives it.
final class AppendQueue: Sendable {
    struct Content {
        var appends: [Append] = []
        /// Of the same length.
        var origins: [AppendOrigin] = []
    }

    enum Put {
        case queued
        /// Queued, and the writer is parked: the caller sees to it that somebody drives it.
        case queuedFirst
        /// Closed, or the database has been away for long.
        case refused
    }

    private struct State {
        var content = Content()
        var isParked = false
        /// Whoever put something in first has been told.
        var isCalled = false
        var isAway = false
        var isRefusing = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let wake = WakeSignal()

    func put(_ append: Append, _ origin: AppendOrigin) -> Put {
        state.withLock { state in
            guard !state.isClosed, !state.isRefusing else { return .refused }
            state.content.appends.append(append)
            state.content.origins.append(origin)
            guard state.isParked, !state.isCalled else { return .queued }
            state.isCalled = true
            return .queuedFirst
        }
    }

    /// What `take` would take.
    var count: Int { state.withLock { $0.content.appends.count } }

    /// Takes what is there in exchange for `content`, which must be empty (its memory is used again).
    func take(_ content: inout Content) {
        precondition(content.appends.isEmpty)
        state.withLock { state in swap(&content, &state.content) }
    }

    // MARK: Who drives

    /// The caller, who drives, has nothing left to do. False: something has come, or no more will.
    func park() -> Bool {
        state.withLock { state in
            guard state.content.appends.isEmpty, !state.isClosed else { return false }
            state.isParked = true
            state.isCalled = false
            return true
        }
    }

    /// True: it was parked, and the caller drives from now on.
    func claim() -> Bool {
        state.withLock { state in
            defer { state.isParked = false }
            return state.isParked
        }
    }

    /// The caller drives no longer, and the thread shall, whatever is left to do.
    func leaveToThread() {
        state.withLock { state in
            precondition(!state.isParked)
            state.isParked = true
            state.isCalled = true
        }
        wake.set()
    }

    /// Has the thread look whether it can drive.
    func callThread() { wake.set() }

    /// The thread's sleep until it drives.
    func awaitTurn() {
        repeat { wake.wait(milliseconds: nil) } while !claim()
    }

    /// The thread's sleep while the database is away; only `close` ends it early.
    func pause(milliseconds: Int64) { wake.wait(milliseconds: milliseconds) }

    // MARK: The state of things

    /// Whether new appends are turned away.
    func refuse(_ isRefusing: Bool) { state.withLock { $0.isRefusing = isRefusing } }

    func noteAbsence(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    /// The writer waits for the database.
    var isAway: Bool { state.withLock { $0.isAway } }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Closed, and nothing is left to take.
    var isOver: Bool { state.withLock { $0.isClosed && $0.content.appends.isEmpty } }

    /// Takes no more; the writer finishes what is there.
    func close() {
        state.withLock { $0.isClosed = true }
        wake.set()
    }
}
