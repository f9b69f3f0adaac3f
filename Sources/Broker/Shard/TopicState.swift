import JSON
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
    /// Readers, and whoever else needs it.
    var references = 0
    /// The last entry that this shard has seen, applied and delivered to those who keep up.
    var head: Int64
    /// The first entry that is still in the log, as far as this shard has heard.
    var firstSeq: Int64 = 1
    private(set) var isAnnouncement = false
    /// The entry as of which that is known: earlier ones may still come.
    private var announcementKnownAt: Int64 = 0
    var subscribers: [Subscriber] = []
    /// Users of this shard who may read it.
    private(set) var readers: [Int32] = []
    /// Of these, who is to be notified of messages; nil: to be found.
    var watchers: [Int32]?
    /// Of a group, where it is known; else more than there can be.
    private(set) var memberCount = Int.max
    private var memberCountKnownAt: Int64 = 0
    /// The last typing signals, by user.
    private var typing: [Int64: (state: TypingState, at: Int64)] = [:]
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
        if case .direct = topic.address { memberCount = 2 }
        var name: [UInt8] = []
        topic.address.appendName(to: &name)
        self.name = name
    }

    /// What stands in a place that no topic has.
    static let unused = TopicState(StoredTopic(id: 0, address: .filterLog(0)), head: 0)

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

    /// A message was deleted: who is a little behind must not get it from here.
    mutating func redact(_ target: Int64) {
        for index in recent.indices where recent[index].isAbout(target) {
            recentBytes -= recent[index].suffix.count
            recent[index].redact()
            recentBytes += recent[index].suffix.count
        }
    }

    mutating func addReader(_ user: Int32) {
        readers.append(user)
        watchers = nil
    }

    mutating func removeReader(_ user: Int32) {
        guard let place = readers.lastIndex(of: user) else {
            preconditionFailure("a reader stands in its topic's list")
        }
        readers.swapAt(place, readers.count - 1)
        readers.removeLast()
        watchers = nil
    }

    mutating func setMemberCount(_ count: Int, asOf seq: Int64) {
        guard seq >= memberCountKnownAt else { return }
        memberCount = count
        memberCountKnownAt = seq
    }

    /// A member came or went.
    mutating func changeMemberCount(by change: Int, at seq: Int64) {
        guard memberCount != .max, seq > memberCountKnownAt else { return }
        memberCount += change
        memberCountKnownAt = seq
    }

    /// Whether a typing signal is worth telling; notes it then.
    mutating func mayTell(_ state: TypingState, by user: Int64, now: Int64) -> Bool {
        if let last = typing[user], last.state == state, now - last.at < Limits.typingMilliseconds { return false }
        typing[user] = (state, now)
        return true
    }

    mutating func setAnnouncement(_ isAnnouncement: Bool, asOf seq: Int64) {
        guard seq >= announcementKnownAt else { return }
        self.isAnnouncement = isAnnouncement
        announcementKnownAt = seq
    }

    /// Entries up to this one were never announced, and have gone from the log meanwhile.
    mutating func skip(upTo seq: Int64) {
        head = seq
        forgetRecent()
    }

    /// Nobody has been behind for a while, so nobody will ask.
    mutating func forgetRecent() {
        recent = []
        recentBytes = 0
        typing = [:]
    }

    /// Whether there is such an entry.
    func has(_ seq: Int64) -> Bool { seq >= firstSeq && seq <= head }

    /// The entry with that seq, if it is kept.
    func recentEntry(_ seq: Int64) -> LogEntry? {
        let index = Int(seq - head) + recent.count - 1
        return index >= 0 && index < recent.count ? recent[index] : nil
    }
}

/// What a shard has heard of and has no other place for, for instance the ends of topics that nobody here could read when they changed: rights
/// that are being loaded meanwhile start at the right place with them. Forgotten after one to two periods; a load takes far less.
struct RecentSeqs<Key: Hashable> {
    let periodMilliseconds: Int64

    private var current: [Key: Int64] = [:]
    private var previous: [Key: Int64] = [:]
    private var nextPeriod: Int64 = 0

    init(periodMilliseconds: Int64 = 60_000) { self.periodMilliseconds = periodMilliseconds }

    mutating func note(_ key: Key, _ seq: Int64) {
        current[key] = max(seq, current[key] ?? 0)
    }

    /// The highest; 0: none.
    func seq(of key: Key) -> Int64 {
        max(current[key] ?? 0, previous[key] ?? 0)
    }

    /// - Returns: true when a period has ended.
    @discardableResult
    mutating func tick(now: Int64) -> Bool {
        guard now >= nextPeriod else { return false }
        nextPeriod = now + periodMilliseconds
        previous = current
        current = [:]
        return true
    }
}

extension LogEntry {
    /// The `seq` that an edit, a deletion or a reaction is about; nil: it is none.
    var target: Int64? {
        guard kind == .edit || kind == .delete || kind == .reaction,
            let value = try? JSONValue(parsing: [UInt8(ascii: "{")] + suffix.dropFirst())
        else { return nil }
        return value["body"]?["seq"]?.int64
    }

    /// The message itself, or an edit of it.
    fileprivate func isAbout(_ target: Int64) -> Bool {
        seq == target && kind == .message || kind == .edit && self.target == target
    }

    /// As `confab_redacted` does in the database.
    fileprivate mutating func redact() {
        let body = Array(",\"body\":".utf8)
        guard let start = suffix.indices.first(where: { suffix[$0...].starts(with: body) }) else { return }
        suffix = suffix[..<start] + Array(",\"body\":{\"deleted\":true}}".utf8)
    }
}
