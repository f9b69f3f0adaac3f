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
    private let loads: Batcher<Int64, UserRights?>

    package init(context: DomainContext) {
        self.context = context
        loads = Batcher(batchMax: 256) { [database = context.database] in try await Self.loadRights($0, database) }
    }

    /// Of one moment; nil if there is no such user.
    package func loadRights(userID: Int64) async throws(DatabaseError) -> UserRights? {
        try await loads.ask(userID)
    }

    /// In one statement, hence one snapshot.
    private static func loadRights(_ users: [Int64], _ database: Database) async throws -> [UserRights?] {
        let rows = try await database.query(
            """
            SELECT 1 AS part, u.id AS user_id, u.id, t.last_seq, t.first_seq, 0::bigint AS more,
                u.disabled_at IS NULL AND o.disabled_at IS NULL AS flag, u.username AS name, 0::bigint AS joined_seq, 0 AS member_count
            FROM unnest($1) AS w(id)
            CROSS JOIN LATERAL (SELECT id, username, disabled_at, owner_id FROM users WHERE id = w.id OFFSET 0) u
            CROSS JOIN LATERAL (SELECT last_seq, first_seq FROM topics WHERE id = w.id OFFSET 0) t
            LEFT JOIN LATERAL (SELECT disabled_at FROM users WHERE id = u.owner_id OFFSET 0) o ON true
            UNION ALL
            SELECT 2, m.user_id, g.id, t.last_seq, t.first_seq, m.role, g.announcement, '', m.joined_seq, g.member_count
            FROM unnest($1) AS w(id)
            CROSS JOIN LATERAL (SELECT * FROM members WHERE user_id = w.id OFFSET 0) m
            CROSS JOIN LATERAL (SELECT id, announcement, member_count FROM groups WHERE id = m.group_id OFFSET 0) g
            CROSS JOIN LATERAL (SELECT last_seq, first_seq FROM topics WHERE id = m.group_id OFFSET 0) t
            UNION ALL
            SELECT 3, w.id, t.id, t.last_seq, t.first_seq, CASE t.low WHEN w.id THEN t.high ELSE t.low END,
                EXISTS (SELECT 1 FROM friendships f WHERE f.low_id = t.low AND f.high_id = t.high), '', 0, 0
            FROM unnest($1) AS w(id) CROSS JOIN LATERAL (
                SELECT * FROM topics WHERE kind = 2 AND low = w.id
                UNION ALL SELECT * FROM topics WHERE kind = 2 AND high = w.id OFFSET 0) t
            ORDER BY part
            """, [.ints(Set(users).sorted())])
        var found: [Int64: UserRights] = [:]
        for row in 0..<rows.count { found[rows.int(row, 1)].add(rows, row) }
        return users.map { found[$0] }
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

extension Optional<UserRights> {
    /// One row of `loadRights`. The user's own, part 1, comes before the others; without one the user is gone.
    fileprivate mutating func add(_ rows: Rows, _ row: Int) {
        switch (rows.int(row, 0), self == nil) {
        case (1, _):
            self = UserRights(
                userID: rows.int(row, 1), username: rows.text(row, 7), isEnabled: rows.bool(row, 6),
                inboxLastSeq: rows.int(row, 3), inboxFirstSeq: rows.int(row, 4), groups: [], directs: [])
        case (2, false):
            guard let role = GroupRole(rawValue: Int16(rows.int(row, 5))) else {
                preconditionFailure("a member without a role")
            }
            self?.groups.append(
                UserRights.Group(
                    groupID: rows.int(row, 2), role: role, announcement: rows.bool(row, 6), lastSeq: rows.int(row, 3),
                    joinedSeq: rows.int(row, 8), memberCount: rows.int(row, 9), firstSeq: rows.int(row, 4)))
        case (3, false):
            self?.directs.append(
                UserRights.Direct(
                    otherID: rows.int(row, 5), topicID: rows.int(row, 2), lastSeq: rows.int(row, 3),
                    writable: rows.bool(row, 6), firstSeq: rows.int(row, 4)))
        default: break
        }
    }
}
