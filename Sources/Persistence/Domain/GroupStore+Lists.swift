extension GroupStore {
    package func group(_ groupID: Int64, for userID: Int64) async throws(DatabaseError) -> Group? {
        let rows = try await context.database.query(
            """
            SELECT g.id, g.name, g.picture, g.announcement, g.owner_id, g.member_count, g.version, m.role
            FROM members m JOIN groups g ON g.id = m.group_id WHERE m.group_id = $1 AND m.user_id = $2
            """, [.int(groupID), .int(userID)])
        return rows.count == 0 ? nil : Group(rows, 0)
    }

    /// The user's groups with an id above `cursor`, ascending.
    package func groups(of userID: Int64, after cursor: Int64, limit: Int) async throws(DatabaseError) -> [Group] {
        let rows = try await context.database.query(
            """
            SELECT g.id, g.name, g.picture, g.announcement, g.owner_id, g.member_count, g.version, m.role
            FROM members m JOIN groups g ON g.id = m.group_id
            WHERE m.user_id = $1 AND m.group_id > $2 ORDER BY m.group_id LIMIT $3
            """, [.int(userID), .int(cursor), .int(Int64(limit))])
        return (0..<rows.count).map { Group(rows, $0) }
    }

    /// Members with a user id above `cursor`, ascending; nil if `viewerID` is none of them.
    package func members(
        of groupID: Int64, for viewerID: Int64, after cursor: Int64, limit: Int
    ) async throws(DatabaseError) -> [Member]? {
        let rows = try await context.database.query(
            """
            SELECT u.id, u.username, u.display_name, u.bio, u.avatar, u.owner_id, m.role, m.joined_at
            FROM members viewer
            LEFT JOIN LATERAL (SELECT * FROM members m WHERE m.group_id = viewer.group_id AND m.user_id > $3
                ORDER BY m.user_id LIMIT $4) m ON true
            LEFT JOIN users u ON u.id = m.user_id
            WHERE viewer.group_id = $1 AND viewer.user_id = $2
            ORDER BY m.user_id
            """, [.int(groupID), .int(viewerID), .int(cursor), .int(Int64(limit))])
        guard rows.count > 0 else { return nil }
        return rows.isNull(0, 0) ? [] : (0..<rows.count).map { Member(rows, $0) }
    }
}
