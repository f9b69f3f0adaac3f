import Topics

/// The list of a user's conversations.
package struct ConversationStore: Sendable {
    /// Where a page ends: Unix microseconds of the last activity, and the topic.
    package struct Cursor: Sendable, Equatable {
        package var activeAt: Int64
        package var topicID: Int64

        package init(activeAt: Int64, topicID: Int64) {
            self.activeAt = activeAt
            self.topicID = topicID
        }

        package static let start = Cursor(activeAt: .max, topicID: .max)
    }

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// Conversations after `cursor`, the last active first. `unread` is exact up to 1,000 entries: a user's own message is looked for no
    /// further back than that, so that one who never reads costs no more than others. What is no longer there counts as read.
    package func conversations(
        of userID: Int64, after cursor: Cursor, limit: Int
    ) async throws(DatabaseError) -> [Conversation] {
        let rows = try await context.database.query(
            """
            WITH mine AS (
                SELECT t.id, t.kind, t.low, t.high, t.first_seq, t.last_seq, t.messages, t.last_at,
                    EXISTS (SELECT 1 FROM friendships f WHERE f.low_id = t.low AND f.high_id = t.high) AS writable
                FROM (SELECT * FROM topics WHERE kind = 2 AND low = $1
                    UNION ALL SELECT * FROM topics WHERE kind = 2 AND high = $1) t
                UNION ALL
                SELECT t.id, t.kind, 0, 0, t.first_seq, t.last_seq, t.messages, t.last_at, m.role > 1 OR NOT g.announcement
                FROM members m JOIN groups g ON g.id = m.group_id JOIN topics t ON t.id = m.group_id
                WHERE m.user_id = $1
            ), dated AS (
                SELECT *, coalesce((extract(epoch FROM last_at) * 1000000)::bigint, ((id >> 22) + $5) * 1000) AS active_at
                FROM mine
            ), page AS (
                SELECT * FROM dated WHERE (active_at, id) < ($2, $3) ORDER BY active_at DESC, id DESC LIMIT $4
            )
            SELECT p.id, p.kind, p.low, p.high, p.last_seq, p.active_at, p.writable,
                greatest(r.read_seq, own.seq, p.first_seq - 1),
                coalesce(p.messages - mark.ordinal - (SELECT count(*) FROM message_deletions d
                    WHERE d.topic_id = p.id AND d.target_seq > greatest(r.read_seq, own.seq, p.first_seq - 1)), 0),
                last.seq, last.id, last.sender_id, last.kind, last.payload,
                u.id, u.username, u.display_name, u.bio, u.avatar, u.owner_id,
                g.id, g.name, g.picture, g.announcement, g.owner_id, g.member_count, g.version, me.role
            FROM page p
            LEFT JOIN users u ON u.id = CASE WHEN p.low = $1 THEN p.high ELSE p.low END AND p.kind = 2
            LEFT JOIN groups g ON g.id = p.id AND p.kind = 3
            LEFT JOIN members me ON me.group_id = g.id AND me.user_id = $1
            LEFT JOIN read_marks r ON r.user_id = $1 AND r.topic_id = p.id
            LEFT JOIN LATERAL (SELECT m.seq FROM messages m
                WHERE m.topic_id = p.id AND m.seq > greatest(r.read_seq, p.last_seq - 1000, p.first_seq - 1)
                    AND m.sender_id = $1 AND m.kind = 1
                ORDER BY m.seq DESC LIMIT 1) own ON true
            LEFT JOIN LATERAL (
                SELECT m.ordinal - (m.kind = 1 AND m.seq > greatest(r.read_seq, own.seq, 0))::int AS ordinal
                FROM messages m WHERE m.topic_id = p.id AND m.seq = greatest(r.read_seq, own.seq, p.first_seq)) mark ON true
            LEFT JOIN LATERAL (SELECT m.* FROM messages m
                WHERE m.topic_id = p.id AND m.seq >= p.first_seq AND m.kind = 1 AND p.messages > 0
                ORDER BY m.seq DESC LIMIT 1) last ON true
            ORDER BY p.active_at DESC, p.id DESC
            """,
            [
                .int(userID), .int(cursor.activeAt), .int(cursor.topicID), .int(Int64(limit)),
                .int(IDGenerator.epochMilliseconds),
            ])
        return (0..<rows.count).map { Conversation(rows, row: $0) }
    }
}
