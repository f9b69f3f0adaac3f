import Persistence

/// What is to be done about wills, one thing at a time: first the table hears what became of connections, then what is due is read from it and
/// sent. So nothing is sent that a crash would forget, and a crash repeats what it interrupts.
struct WillAgenda {
    enum Action: Equatable {
        /// Write the changes; `recorded` follows.
        case record(WillChanges)
        /// Read what is due except these; `read` or `readFailed` follows, then `sent` or `failed` for each.
        case send(except: [Int64])
    }

    private var changes = WillChanges()
    private var recording: WillChanges?
    /// Records that were begun.
    private(set) var recordCount: UInt64 = 0
    /// The table could not be written: not again before then.
    private var recordNotBefore: Int64 = 0

    /// Read to be sent, and their rows still there.
    private var taken: Set<Int64> = []
    /// Those of them that have to be read once more.
    private var failed: [Int64] = []
    /// Where their clients were: behind what these published last.
    private var shards: [Int64: Int] = [:]

    /// The next moment in the table as it was read; nil: none. In the beginning it is unknown.
    private var tableDueAt: Int64? = 0
    /// Moments that were told since.
    private var toldDueAt: Int64?
    /// Something became due in this process: it is not to wait for the next poll.
    private var isUrgent = false
    private var sendNotBefore: Int64 = 0

    // MARK: What happens

    /// A connection has ended, and its will is due at this moment.
    mutating func end(_ id: Int64, dueAt: Int64, shard: Int, now: Int64) {
        changes.due.append(WillChanges.Due(id: id, at: dueAt))
        toldDueAt = min(dueAt, toldDueAt ?? .max)
        guard dueAt <= now else { return }
        shards[id] = shard
        isUrgent = true
    }

    /// The will is not wanted.
    mutating func discard(_ id: Int64) { changes.gone.append(id) }

    /// Something in the table has become due.
    mutating func becameDue(now: Int64) {
        toldDueAt = min(now, toldDueAt ?? .max)
        isUrgent = true
    }

    mutating func recorded(isDone: Bool, now: Int64) {
        guard let recording else { preconditionFailure("nothing is being recorded") }
        self.recording = nil
        guard isDone else {
            changes = WillChanges(due: recording.due + changes.due, gone: recording.gone + changes.gone)
            recordNotBefore = now + Limits.willPollMilliseconds
            return
        }
        for id in recording.gone {
            taken.remove(id)
            shards[id] = nil
        }
    }

    /// - Parameter dueAt: of the next after these; nil: there is none.
    mutating func read(_ ids: [Int64], nextDueAt dueAt: Int64?, isComplete: Bool) {
        taken.formUnion(ids)
        tableDueAt = dueAt
        if !isComplete { isUrgent = true }
    }

    /// What was told is still in the table.
    mutating func readFailed() { tableDueAt = 0 }

    mutating func sent(_ id: Int64) { changes.gone.append(id) }

    /// It could not be sent now; its row stays, and is read again.
    mutating func failed(_ id: Int64, now: Int64) {
        failed.append(id)
        toldDueAt = min(now, toldDueAt ?? .max)
    }

    // MARK: What to do

    mutating func next(now: Int64) -> Action? {
        guard changes.isEmpty else {
            guard now >= recordNotBefore else { return nil }
            recordCount += 1
            recording = changes
            changes = WillChanges()
            return .record(recording!)
        }
        guard isDue(now: now) else { return nil }
        taken.subtract(failed)
        failed = []
        isUrgent = false
        toldDueAt = nil
        sendNotBefore = now + Limits.willPollMilliseconds
        return .send(except: taken.sorted())
    }

    /// Whether `next` has something.
    func hasNext(now: Int64) -> Bool { changes.isEmpty ? isDue(now: now) : now >= recordNotBefore }

    private func isDue(now: Int64) -> Bool {
        guard let nextDueAt, nextDueAt <= now, isUrgent || now >= sendNotBefore else { return false }
        return taken.count - failed.count < Limits.willsUnderWayMax
    }

    private var nextDueAt: Int64? {
        guard let tableDueAt, let toldDueAt else { return tableDueAt ?? toldDueAt }
        return min(tableDueAt, toldDueAt)
    }

    // MARK: What is asked

    /// Where a will is to be sent from.
    func shard(of id: Int64) -> Int { shards[id] ?? 0 }

    /// False: no connection can find a will of an earlier one in the table.
    var mayHoldWills: Bool { mustRecord || nextDueAt != nil || !taken.isEmpty }

    var mustRecord: Bool { !changes.isEmpty || recording != nil }

    /// The number of the record after which the table knows all that was told so far; 0: it knows it.
    var pendingRecord: UInt64 { changes.isEmpty ? (recording == nil ? 0 : recordCount) : recordCount + 1 }

    func isRecordHeldBack(now: Int64) -> Bool { now < recordNotBefore }

    func isIdle(now: Int64) -> Bool { !mustRecord && taken.isEmpty && (nextDueAt ?? .max) > now }
}
