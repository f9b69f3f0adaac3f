import Topics

/// All that a user may read and write, as of one moment (one snapshot, consistent with each `lastSeq`).
package struct UserRights: Sendable, Equatable {
    package struct Group: Sendable, Equatable {
        package var groupID: Int64
        package var role: GroupRole
        package var announcement: Bool
        package var lastSeq: Int64
        /// The entry that made the user a member: a session that was offline then begins to read just before it.
        package var joinedSeq: Int64
        package var memberCount: Int64
        package var firstSeq: Int64 = 1
    }

    package struct Direct: Sendable, Equatable {
        package var otherID: Int64
        package var topicID: Int64
        package var lastSeq: Int64
        /// They are friends now; else the conversation can only be read.
        package var writable: Bool
        package var firstSeq: Int64 = 1
    }

    package var userID: Int64
    package var username: String
    /// The account is open, and its owner's too if it is a bot.
    package var isEnabled: Bool
    /// False for a session that was revoked, expired or never was; true if none was asked about.
    package var isSessionLive: Bool
    package var inboxLastSeq: Int64
    package var inboxFirstSeq: Int64 = 1
    package var groups: [Group]
    package var directs: [Direct]
}

/// A stored topic with the entries that it has.
package struct FoundTopic: Sendable, Equatable {
    package var topic: StoredTopic
    package var firstSeq: Int64
    package var lastSeq: Int64

    package init(topic: StoredTopic, firstSeq: Int64, lastSeq: Int64) {
        self.topic = topic
        self.firstSeq = firstSeq
        self.lastSeq = lastSeq
    }
}

/// Who may do what, for whoever keeps it in memory.
package struct DirectoryStore: Sendable {
    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// In one statement, hence one snapshot; nil if there is no such user.
    package func loadRights(userID: Int64, sessionID: Int64? = nil) async throws(DatabaseError) -> UserRights? {
        let rows = try await context.database.query(
            """
            SELECT 1 AS part, u.id, t.last_seq, 0::bigint AS more, u.disabled_at IS NULL AND o.disabled_at IS NULL AS flag,
                ($2::bigint IS NULL OR EXISTS (SELECT 1 FROM login_sessions s WHERE s.id = $2 AND s.user_id = u.id
                    AND s.revoked_at IS NULL AND s.expires_at > $3)) AS flag2, u.username AS name,
                0::bigint AS joined_seq, t.first_seq, 0 AS member_count
            FROM users u JOIN topics t ON t.id = u.id LEFT JOIN users o ON o.id = u.owner_id WHERE u.id = $1
            UNION ALL
            SELECT 2, g.id, t.last_seq, m.role, g.announcement, false, '', m.joined_seq, t.first_seq, g.member_count
            FROM members m JOIN groups g ON g.id = m.group_id JOIN topics t ON t.id = g.id WHERE m.user_id = $1
            UNION ALL
            SELECT 3, t.id, t.last_seq, CASE t.low WHEN $1 THEN t.high ELSE t.low END,
                EXISTS (SELECT 1 FROM friendships f WHERE f.low_id = t.low AND f.high_id = t.high), false, '', 0,
                t.first_seq, 0
            FROM (SELECT * FROM topics WHERE kind = 2 AND low = $1
                UNION ALL SELECT * FROM topics WHERE kind = 2 AND high = $1) t
            ORDER BY part
            """, [.int(userID), sessionID.map { .int($0) } ?? .null, .int(context.now())])
        guard rows.count > 0, rows.int(0, 0) == 1 else { return nil }
        var rights = UserRights(
            userID: userID, username: rows.text(0, 6), isEnabled: rows.bool(0, 4), isSessionLive: rows.bool(0, 5),
            inboxLastSeq: rows.int(0, 2), inboxFirstSeq: rows.int(0, 8), groups: [], directs: [])
        for row in 1..<rows.count {
            if rows.int(row, 0) == 2 {
                guard let role = GroupRole(rawValue: Int16(rows.int(row, 3))) else {
                    preconditionFailure("a member without a role")
                }
                rights.groups.append(
                    UserRights.Group(
                        groupID: rows.int(row, 1), role: role, announcement: rows.bool(row, 4),
                        lastSeq: rows.int(row, 2), joinedSeq: rows.int(row, 7), memberCount: rows.int(row, 9),
                        firstSeq: rows.int(row, 8)))
            } else {
                rights.directs.append(
                    UserRights.Direct(
                        otherID: rows.int(row, 3), topicID: rows.int(row, 1), lastSeq: rows.int(row, 2),
                        writable: rows.bool(row, 4), firstSeq: rows.int(row, 8)))
            }
        }
        return rights
    }

    /// A stored topic, whoever may read it; nil: there is none.
    package func topic(at address: TopicAddress) async throws(DatabaseError) -> FoundTopic? {
        let rows = try await context.database.query(
            """
            SELECT id, first_seq, last_seq FROM topics WHERE $1 <> 2 AND id = $2 AND kind = $1
            UNION ALL
            SELECT id, first_seq, last_seq FROM topics WHERE $1 = 2 AND kind = 2 AND low = $3 AND high = $4
            """, address.columns)
        guard rows.count == 1 else { return nil }
        return FoundTopic(
            topic: StoredTopic(id: rows.int(0, 0), address: address), firstSeq: rows.int(0, 1), lastSeq: rows.int(0, 2))
    }

    /// As of an entry of its log; nil: there is no such group.
    package func memberCount(of group: Int64) async throws(DatabaseError) -> (members: Int, seq: Int64)? {
        let rows = try await context.database.query(
            "SELECT g.member_count, t.last_seq FROM groups g JOIN topics t ON t.id = g.id WHERE g.id = $1",
            [.int(group)])
        return rows.count == 1 ? (Int(rows.int(0, 0)), rows.int(0, 1)) : nil
    }
}
