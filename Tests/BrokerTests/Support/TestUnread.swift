import Persistence
import Synchronization

@testable import Broker

/// Unread messages, counted in a log in memory: all that others have sent.
final class TestUnread: UnreadSource {
    private let log: TestLog
    private let asked = Mutex<[Int]>([])
    private let subscribers = Atomic<Int>(0)
    /// Before what a SUBSCRIBE has asked for.
    let subscribes = Gate()

    init(log: TestLog) { self.log = log }

    /// How many pairs each question was about.
    var questions: [Int] { asked.withLock { $0 } }

    /// How often a SUBSCRIBE has asked.
    var subscriberCount: Int { subscribers.load(ordering: .acquiring) }

    func unread(of userID: Int64, limit: Int) async throws(DatabaseError) -> [UnreadConversation] {
        await subscribes.pass()
        defer { subscribers.add(1, ordering: .releasing) }
        return Array(log.topics.compactMap { conversation($0, of: userID) }.prefix(limit))
    }

    func unread(_ pairs: [(userID: Int64, topicID: Int64)]) async throws(DatabaseError) -> [UnreadConversation] {
        asked.withLock { $0.append(pairs.count) }
        return pairs.compactMap { conversation($0.topicID, of: $0.userID) }
    }

    private func conversation(_ topicID: Int64, of userID: Int64) -> UnreadConversation? {
        let messages = log.entries(of: topicID).filter { $0.kind == .message }
        let unread = messages.filter { $0.senderID != userID }.count
        guard unread > 0, let last = messages.last else { return nil }
        return UnreadConversation(userID: userID, topic: last.topic, unread: Int64(unread), lastMessage: last)
    }
}
