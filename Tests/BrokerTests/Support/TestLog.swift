import Persistence
import Synchronization
import Topics

@testable import Broker

/// A log in memory whose commits can be held, released in any order, and announced apart from being readable.
final class TestLog: MessageLog {
    struct Held {
        var append: Append
        var origin: AppendOrigin
    }

    private struct State {
        var entries: [Int64: [LogEntry]] = [:]
        var held: [Held] = []
        var isHolding = false
        var isFull = false
        var load = LogLoad.light
        var refusedCount = 0
        var readLimits: [Int] = []
        var ends: [Int64: Int64] = [:]
    }

    private let state = Mutex(State())
    let reads = Gate()
    private let mailroom: Mailroom

    /// - Parameter earlier: whose commits it has.
    init(mailroom: Mailroom, after earlier: TestLog? = nil) {
        self.mailroom = mailroom
        guard let (entries, ends) = earlier?.state.withLock({ ($0.entries, $0.ends) }) else { return }
        state.withLock { ($0.entries, $0.ends) = (entries, ends) }
    }

    var heldCount: Int { state.withLock { $0.held.count } }
    /// Appends that found it full.
    var refusedCount: Int { state.withLock { $0.refusedCount } }
    var readLimits: [Int] { state.withLock { $0.readLimits } }

    func end(of topic: Int64) -> Int64 { state.withLock { $0.ends[topic] ?? 0 } }

    func entries(of topic: Int64) -> [LogEntry] { state.withLock { $0.entries[topic] ?? [] } }
    var topics: [Int64] { state.withLock { $0.entries.keys.sorted() } }

    func hold() { state.withLock { $0.isHolding = true } }
    func fill(_ isFull: Bool) { state.withLock { $0.isFull = isFull } }
    func burden(_ load: LogLoad) { state.withLock { $0.load = load } }

    // MARK: MessageLog

    var load: LogLoad { state.withLock { $0.load } }

    func append(_ append: Append, origin: AppendOrigin) -> Bool {
        let isHeld: Bool? = state.withLock { state in
            if state.isFull {
                state.refusedCount += 1
                return nil
            }
            if state.isHolding { state.held.append(Held(append: append, origin: origin)) }
            return state.isHolding
        }
        guard let isHeld else { return false }
        if !isHeld { finish(Held(append: append, origin: origin), store(append)) }
        return true
    }

    /// What was read before the gate is answered after it: a slow answer is an old one.
    func read(_ reads: [LogRead]) async throws(DatabaseError) -> [[LogEntry]] {
        let pages = state.withLock { state in
            state.readLimits.append(reads.reduce(0) { $0 + $1.limit })
            return reads.map { read in
                Array((state.entries[read.topic.id] ?? []).filter { $0.seq > read.seq }.prefix(read.limit))
            }
        }
        await self.reads.pass()
        return pages
    }

    // MARK: Commits

    /// Takes out what is held, to be finished one by one.
    func takeHeld() -> [Held] {
        state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
    }

    /// Commits what is held, in order, and from now on at once.
    func release() {
        state.withLock { $0.isHolding = false }
        for held in takeHeld() { finish(held, store(held.append)) }
    }

    func refuse(_ held: Held, _ outcome: AppendOutcome) { tell(held, outcome) }

    func finish(_ held: Held, _ entry: LogEntry) {
        mailroom.committed([entry])
        tell(held, .committed(seq: entry.seq, id: entry.id))
    }

    private func tell(_ held: Held, _ outcome: AppendOutcome) {
        switch held.origin {
        case .shard(let index, let token):
            if token != 0 { mailroom.outcomes([(token, outcome)], forShard: index) }
        case .task(let continuation): continuation.resume(returning: outcome)
        }
    }

    func entries(of topic: StoredTopic) -> [LogEntry] { state.withLock { $0.entries[topic.id] ?? [] } }

    /// Commits without telling anybody.
    func store(_ append: Append) -> LogEntry {
        state.withLock { state in
            let seq = (state.ends[append.topic.id] ?? 0) + 1
            state.ends[append.topic.id] = seq
            let entry = LogEntry(
                topic: append.topic, seq: seq, id: append.id, senderID: append.senderID, kind: append.kind,
                suffix: append.suffix, change: append.change)
            state.entries[append.topic.id, default: []].append(entry)
            return entry
        }
    }

    /// An entry that something outside of the broker commits.
    func store(_ topic: StoredTopic, _ text: String, from sender: Int64 = 1, _ change: RightsChange? = nil) -> LogEntry
    {
        let id = Self.ids.next()
        return store(
            Append(
                topic: topic, id: id, senderID: sender, kind: change == nil ? .message : .member,
                key: IdempotencyKey(entryID: id), suffix: Array(",\"body\":{\"text\":\"\(text)\"}}".utf8),
                change: change))
    }

    func remove(_ topic: StoredTopic, upTo seq: Int64) {
        state.withLock { $0.entries[topic.id]?.removeAll { $0.seq <= seq } }
    }

    func announce(_ entries: LogEntry...) { for entry in entries { mailroom.committed([entry]) } }

    private static let ids = IDGenerator(node: 1) { 1_800_000_000_000 }
}
