import Broker
import Persistence

/// Notifications are signals: nothing that the simulation checks depends on them.
extension Stores: UnreadSource {
    func unread(of userID: Int64, limit: Int) async throws(DatabaseError) -> [UnreadConversation] { [] }
    func unread(_ pairs: [(userID: Int64, topicID: Int64)]) async throws(DatabaseError) -> [UnreadConversation] { [] }
}
