import Topics

/// What later entries have made of a message (rest.md: `state`).
package struct MessageState: Sendable, Equatable {
    package struct Reaction: Sendable, Equatable {
        package var emoji: [UInt8]
        package var count: Int64
        /// The reader is among those.
        package var isMine: Bool
    }

    /// The newest edit, its suffix as in `LogEntry`.
    package var edit: (seq: Int64, suffix: [UInt8])?
    /// The oldest first.
    package var reactions: [Reaction] = []

    package var isEmpty: Bool { edit == nil && reactions.isEmpty }

    package static func == (left: Self, right: Self) -> Bool {
        left.edit?.seq == right.edit?.seq && left.reactions == right.reactions
    }
}

extension HistoryStore {
    /// The states of those entries that are messages, by `id`; those that are as they were sent are left out.
    package func states(
        of entries: [LogEntry], for readerID: Int64
    ) async throws(DatabaseError) -> [Int64: MessageState] {
        let messages = entries.filter { $0.kind == .message }
        guard !messages.isEmpty else { return [:] }
        let rows = try await context.database.query(
            """
            WITH asked AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS a(topic_id, seq, id))
            SELECT e.id, e.seq, m.payload, 0::bigint, false, 0::bigint AS first
            FROM (SELECT a.id, a.topic_id, max(c.seq) AS seq FROM asked a
                JOIN message_edits c ON c.topic_id = a.topic_id AND c.target_seq = a.seq GROUP BY a.id, a.topic_id) e
            JOIN messages m ON m.topic_id = e.topic_id AND m.seq = e.seq
            UNION ALL
            SELECT a.id, 0, r.emoji, count(*), bool_or(r.user_id = $4), min(r.seq)
            FROM asked a JOIN message_reactions r ON r.topic_id = a.topic_id AND r.target_seq = a.seq AND r.is_present
            GROUP BY a.id, r.emoji
            ORDER BY first
            """,
            [.ints(messages.map(\.topic.id)), .ints(messages.map(\.seq)), .ints(messages.map(\.id)), .int(readerID)])
        var states: [Int64: MessageState] = [:]
        for row in 0..<rows.count {
            let target = rows.int(row, 0)
            if rows.int(row, 1) > 0 {
                states[target, default: MessageState()].edit = (rows.int(row, 1), rows.bytes(row, 2))
            } else {
                states[target, default: MessageState()].reactions.append(
                    MessageState.Reaction(
                        emoji: rows.bytes(row, 2), count: rows.int(row, 3), isMine: rows.bool(row, 4)))
            }
        }
        return states
    }
}
