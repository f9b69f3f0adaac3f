import Persistence
import Topics

/// A stored topic that somebody with a session on this shard may read.
struct TopicState {
    struct Subscriber {
        var session: Int32
        /// In the session's cursors.
        var cursor: Int32
    }

    var topic: StoredTopic
    var name: [UInt8]
    /// Users of this shard who may read it.
    var references = 0
    /// The last entry that this shard has seen, applied and delivered to those who keep up.
    var head: Int64
    private(set) var isAnnouncement = false
    /// The entry as of which that is known: earlier ones may still come.
    private var announcementKnownAt: Int64 = 0
    var subscribers: [Subscriber] = []
    /// The newest entries, ascending and without a gap, the last one at `head`: for sessions that are a little behind.
    private var recent: [LogEntry] = []
    private var recentBytes = 0
    /// Entries that came before an earlier one: two connections committed them, and the later one told us first.
    var early: [LogEntry] = []
    /// An entry that is there, since a session had it on another shard; nobody may have told this one.
    private var knownEnd: Int64 = 0
    /// Monotonic milliseconds: since when something is missing before these.
    var earlySince: Int64 = 0

    init(_ topic: StoredTopic, head: Int64) {
        self.topic = topic
        self.head = head
        var name: [UInt8] = []
        topic.address.appendName(to: &name)
        self.name = name
    }

    /// The last of the entries that are missing; nil: none is.
    var lastMissing: Int64? {
        let last = early.map(\.seq).min().map { $0 - 1 } ?? knownEnd
        return last > head ? last : nil
    }

    /// - Parameter now: monotonic milliseconds.
    mutating func noteEnd(_ seq: Int64, now: Int64) {
        guard seq > max(head, knownEnd) else { return }
        if lastMissing == nil { earlySince = now }
        knownEnd = seq
    }

    mutating func advance(to entry: LogEntry) {
        precondition(entry.seq == head + 1, "entries are applied in the order of the log")
        head = entry.seq
        recent.append(entry)
        recentBytes += entry.suffix.count
        guard recent.count > Limits.recentEntriesMax || recentBytes > Limits.recentBytesMax else { return }
        // Half of them go at once, so that most entries cost no move.
        let gone = (recent.count + 1) / 2
        recentBytes -= recent[..<gone].reduce(0) { $0 + $1.suffix.count }
        recent.removeFirst(gone)
    }

    mutating func setAnnouncement(_ isAnnouncement: Bool, asOf seq: Int64) {
        guard seq >= announcementKnownAt else { return }
        self.isAnnouncement = isAnnouncement
        announcementKnownAt = seq
    }

    /// Nobody has been behind for a while, so nobody will ask.
    mutating func forgetRecent() {
        recent = []
        recentBytes = 0
    }

    /// The entry with that seq, if it is kept.
    func recentEntry(_ seq: Int64) -> LogEntry? {
        let index = Int(seq - head) + recent.count - 1
        return index >= 0 && index < recent.count ? recent[index] : nil
    }
}

/// The last seqs of topics that nobody on this shard could read when their entries came by. Rights that are being loaded meanwhile start at
/// the right place with them. Forgotten after two periods; a load takes far less.
struct RecentHeads {
    static let periodMilliseconds: Int64 = 60_000

    private var current: [Int64: Int64] = [:]
    private var previous: [Int64: Int64] = [:]
    private var nextPeriod: Int64 = 0

    mutating func note(_ topicID: Int64, _ seq: Int64) {
        current[topicID] = max(seq, current[topicID] ?? 0)
    }

    func head(of topicID: Int64) -> Int64 {
        max(current[topicID] ?? 0, previous[topicID] ?? 0)
    }

    /// - Returns: true when a period has ended.
    mutating func tick(now: Int64) -> Bool {
        guard now >= nextPeriod else { return false }
        nextPeriod = now + Self.periodMilliseconds
        previous = current
        current = [:]
        return true
    }
}
