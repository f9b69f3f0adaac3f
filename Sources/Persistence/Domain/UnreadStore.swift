import Topics

/// A conversation with unread messages, as its reader is notified of it.
package struct UnreadConversation: Sendable, Equatable {
    /// Whose it is.
    package var userID: Int64
    package var topic: StoredTopic
    /// Messages by others after the read mark.
    package var unread: Int64
    /// The newest message: who sent it, which it is, when (Unix milliseconds), and how it begins.
    package var senderID: Int64
    package var seq: Int64
    package var sentAt: Int64
    package var preview: String

    package init(userID: Int64, topic: StoredTopic, unread: Int64, lastMessage: LogEntry) {
        self.userID = userID
        self.topic = topic
        self.unread = unread
        senderID = lastMessage.senderID
        seq = lastMessage.seq
        sentAt = IDGenerator.milliseconds(of: lastMessage.id)
        preview = MessagePreview.text(ofSuffix: lastMessage.suffix)
    }
}

/// What users have not read.
package struct UnreadStore: Sendable {
    /// So many conversations are looked at for those with unread messages.
    private static let conversationsReadMax = 200

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// The newest conversations with unread messages, of the 200 that were last active.
    package func unread(of userID: Int64, limit: Int) async throws(DatabaseError) -> [UnreadConversation] {
        let all = try await ConversationStore(context: context).conversations(
            of: userID, after: .start, limit: Self.conversationsReadMax)
        let unread = all.compactMap { conversation -> UnreadConversation? in
            guard conversation.unread > 0, let message = conversation.lastMessage else { return nil }
            return UnreadConversation(
                userID: userID, topic: conversation.topic, unread: conversation.unread, lastMessage: message)
        }
        return Array(unread.prefix(limit))
    }

    /// Of these users in these topics, those who have unread messages and may read them. As in `ConversationStore`, a user's own message is
    /// looked for among the last 1,000 entries.
    package func unread(
        _ pairs: [(userID: Int64, topicID: Int64)]
    ) async throws(DatabaseError) -> [UnreadConversation] {
        let rows = try await context.database.query(
            """
            SELECT * FROM (
                SELECT p.user_id, t.id, t.kind, t.low, t.high,
                    coalesce(t.messages - mark.ordinal - (SELECT count(*) FROM message_deletions d
                        WHERE d.topic_id = t.id AND d.target_seq > greatest(r.read_seq, own.seq, t.first_seq - 1)), 0) AS unread,
                    last.seq, last.id AS message_id, last.sender_id, last.kind AS message_kind, last.payload
                FROM unnest($1::bigint[], $2::bigint[]) AS p(user_id, topic_id)
                JOIN topics t ON t.id = p.topic_id
                    AND confab_readable(p.user_id, t.kind, t.id, t.low, t.high) IS NOT NULL
                LEFT JOIN read_marks r ON r.user_id = p.user_id AND r.topic_id = t.id
                LEFT JOIN LATERAL (SELECT m.seq FROM messages m
                    WHERE m.topic_id = t.id AND m.seq > greatest(r.read_seq, t.last_seq - 1000, t.first_seq - 1)
                        AND m.sender_id = p.user_id AND m.kind = 1
                    ORDER BY m.seq DESC LIMIT 1) own ON true
                LEFT JOIN LATERAL (
                    SELECT m.ordinal - (m.kind = 1 AND m.seq > greatest(r.read_seq, own.seq, 0))::int AS ordinal
                    FROM messages m WHERE m.topic_id = t.id AND m.seq = greatest(r.read_seq, own.seq, t.first_seq)) mark ON true
                JOIN LATERAL (SELECT m.* FROM messages m
                    WHERE m.topic_id = t.id AND m.seq >= t.first_seq AND m.kind = 1 ORDER BY m.seq DESC LIMIT 1) last ON true
            ) x WHERE x.unread > 0
            """, [.ints(pairs.map(\.userID)), .ints(pairs.map(\.topicID))])
        return (0..<rows.count).map { row in
            let id = rows.int(row, 1)
            let topic: StoredTopic =
                rows.int(row, 2) == TopicKind.direct.rawValue
                ? .direct(rows.int(row, 3), rows.int(row, 4), id: id) : .group(id)
            return UnreadConversation(
                userID: rows.int(row, 0), topic: topic, unread: rows.int(row, 5),
                lastMessage: LogEntry(rows, row, from: 6, of: topic))
        }
    }
}
