extension FriendStore {
    /// Each friend is told by an entry in its inbox; so many in one transaction.
    private static let partedAtOnce: Int64 = 100

    /// Ends some of the friendships of a deleted account. Nobody else changes them: every change begins by locking two users that are
    /// not disabled.
    /// - Returns: whether there were any.
    func partFromSome(of userID: Int64) async throws(DatabaseError) -> Bool {
        let context = context
        return try await context.change { transaction in
            let rows = try await transaction.query(
                """
                WITH chosen AS (
                    SELECT low_id, high_id FROM friendships WHERE low_id = $1
                    UNION ALL SELECT low_id, high_id FROM friendships WHERE high_id = $1 LIMIT $2)
                DELETE FROM friendships f USING chosen c WHERE f.low_id = c.low_id AND f.high_id = c.high_id
                RETURNING CASE f.low_id WHEN $1 THEN f.high_id ELSE f.low_id END
                """, [.int(userID), .int(Self.partedAtOnce)])
            let entries = (0..<rows.count).map {
                context.friendRemoved(to: rows.int($0, 0), friend: userID, by: userID)
            }
            return Change(result: rows.count > 0, entries: entries)
        }
    }
}
