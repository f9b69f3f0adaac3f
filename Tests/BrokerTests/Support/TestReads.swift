import Persistence
import Synchronization

@testable import Broker

/// Read marks and last seen, in memory.
final class TestReads: ReadMarkSource {
    private let state = Mutex<(marks: [String: Int64], seen: [Int64: Int64])>(([:], [:]))
    private let lastSeenReads = Atomic<Int>(0)
    let lastSeenGate = Gate()
    private let mailroom: Mailroom
    private let end: @Sendable (Int64) -> Int64

    /// - Parameter end: of a topic's log.
    init(mailroom: Mailroom, end: @escaping @Sendable (Int64) -> Int64) {
        self.mailroom = mailroom
        self.end = end
    }

    func markRead(_ topic: StoredTopic, upTo seq: Int64, by userID: Int64) async throws(DatabaseError) {
        let seq = min(seq, end(topic.id)), key = "\(userID) \(topic.id)"
        let hasMoved = state.withLock { state in
            guard seq > state.marks[key] ?? 0 else { return false }
            state.marks[key] = seq
            return true
        }
        if hasMoved { mailroom.hasRead(ReadReceipt(topic: topic, seq: seq, userID: userID, readAt: 1_800_000_000_000)) }
    }

    func noteLastSeen(_ userID: Int64, at milliseconds: Int64) async throws(DatabaseError) {
        state.withLock { $0.seen[userID] = milliseconds }
    }

    /// How often it was asked when users were last seen.
    var lastSeenCount: Int { lastSeenReads.load(ordering: .acquiring) }

    func lastSeen(of users: [Int64]) async throws(DatabaseError) -> [Int64: Int64] {
        await lastSeenGate.pass()
        defer { lastSeenReads.add(1, ordering: .releasing) }
        return state.withLock { $0.seen.filter { users.contains($0.key) } }
    }
}
