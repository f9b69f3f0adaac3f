/// A user, and since when it is what the list is of (friend, asker, asked, blocked); Unix milliseconds.
package struct DatedUser: Sendable, Equatable {
    package var user: User
    package var since: Int64

    /// Reads a `User` from column 0, `since` behind it.
    init(_ rows: Rows, _ row: Int) {
        user = User(rows, row)
        since = rows.int(row, User.columnCount)
    }

    static func all(_ rows: Rows) -> [DatedUser] { (0..<rows.count).map { DatedUser(rows, $0) } }
}

extension FriendStore {
    /// Of each direction the newest are listed, so many.
    static let requestsListedMax: Int64 = 500

    /// Friends with an id above `cursor`, ascending.
    package func friends(of userID: Int64, after cursor: Int64, limit: Int) async throws(DatabaseError) -> [DatedUser] {
        let rows = try await context.database.query(
            """
            SELECT u.id, u.username, u.display_name, u.bio, u.avatar, u.owner_id, f.since
            FROM (SELECT high_id AS friend_id, since FROM friendships WHERE low_id = $1 AND high_id > $2
                UNION ALL SELECT low_id, since FROM friendships WHERE high_id = $1 AND low_id > $2) f
            JOIN users u ON u.id = f.friend_id
            ORDER BY f.friend_id LIMIT $3
            """, [.int(userID), .int(cursor), .int(Int64(limit))])
        return DatedUser.all(rows)
    }

    package func requests(
        of userID: Int64
    ) async throws(DatabaseError) -> (incoming: [DatedUser], outgoing: [DatedUser]) {
        let incoming = try await context.database.query(
            """
            SELECT u.id, u.username, u.display_name, u.bio, u.avatar, u.owner_id, r.created_at
            FROM friend_requests r JOIN users u ON u.id = r.asker_id
            WHERE r.asked_id = $1 AND NOT r.hidden ORDER BY r.created_at DESC, u.id LIMIT $2
            """, [.int(userID), .int(Self.requestsListedMax)])
        let outgoing = try await context.database.query(
            """
            SELECT u.id, u.username, u.display_name, u.bio, u.avatar, u.owner_id, r.created_at
            FROM friend_requests r JOIN users u ON u.id = r.asked_id
            WHERE r.asker_id = $1 ORDER BY r.created_at DESC, u.id LIMIT $2
            """, [.int(userID), .int(Self.requestsListedMax)])
        return (DatedUser.all(incoming), DatedUser.all(outgoing))
    }

    /// Users that `userID` blocks, with an id above `cursor`, ascending.
    package func blocked(by userID: Int64, after cursor: Int64, limit: Int) async throws(DatabaseError) -> [DatedUser] {
        let rows = try await context.database.query(
            """
            SELECT u.id, u.username, u.display_name, u.bio, u.avatar, u.owner_id, b.created_at
            FROM blocks b JOIN users u ON u.id = b.blocked_id
            WHERE b.blocker_id = $1 AND b.blocked_id > $2 ORDER BY b.blocked_id LIMIT $3
            """, [.int(userID), .int(cursor), .int(Int64(limit))])
        return DatedUser.all(rows)
    }
}
