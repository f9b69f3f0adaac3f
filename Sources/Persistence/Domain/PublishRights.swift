import Topics

/// Whether somebody may write into a conversation now.
package enum PublishRight: Sendable, Equatable {
    /// - Parameter mayDeleteOthers: also what others wrote.
    case allowed(StoredTopic, mayDeleteOthers: Bool)
    /// Only admins publish here (reactions are every member's).
    case announcementOnly(StoredTopic)
    case notFriends
    /// No such conversation, or not one of the caller's.
    case notFound
}

extension DirectoryStore {
    /// For doors without rights in memory (REST).
    package func publishRight(
        of userID: Int64, on address: TopicAddress
    ) async throws(DatabaseError) -> PublishRight {
        switch address {
        case .inbox, .filterLog:
            return .notFound
        case .group(let group):
            let rows = try await context.database.query(
                """
                SELECT g.announcement, m.role FROM members m JOIN groups g ON g.id = m.group_id
                WHERE m.group_id = $1 AND m.user_id = $2
                """, [.int(group), .int(userID)])
            guard rows.count == 1 else { return .notFound }
            guard let role = GroupRole(rawValue: Int16(rows.int(0, 1))) else {
                preconditionFailure("a member without a role")
            }
            let isAdmin = role >= .admin
            return rows.bool(0, 0) && !isAdmin
                ? .announcementOnly(.group(group)) : .allowed(.group(group), mayDeleteOthers: isAdmin)
        case .direct(let low, let high):
            guard userID == low || userID == high else { return .notFound }
            // Blocking ends friendships, and who blocks cannot become a friend, so the friendship alone decides.
            let rows = try await context.database.query(
                """
                SELECT (SELECT f.topic_id FROM friendships f WHERE f.low_id = $2 AND f.high_id = $3)
                FROM users u WHERE u.id = $1
                """, [.int(userID == low ? high : low), .int(low), .int(high)])
            guard rows.count == 1 else { return .notFound }
            return rows.isNull(0, 0)
                ? .notFriends : .allowed(.direct(low, high, id: rows.int(0, 0)), mayDeleteOthers: false)
        }
    }
}
