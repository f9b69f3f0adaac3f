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
    /// The states of those entries of a topic that are messages, by `seq`; those that are as they were sent are left out.
    package func states(
        of entries: [LogEntry], for readerID: Int64
    ) async throws(DatabaseError) -> [Int64: MessageState] {
        let messages = entries.filter { $0.kind == .message }
        guard let topic = messages.first?.topic.id else { return [:] }
        let seqs = Parameter.ints(messages.map(\.seq))
        let rows = try await context.database.query(
            """
            SELECT e.target_seq, e.seq, m.payload, 0::bigint, false, 0::bigint AS first
            FROM (SELECT target_seq, max(seq) AS seq FROM message_edits
                WHERE topic_id = $1 AND target_seq = ANY($2) GROUP BY target_seq) e
            JOIN messages m ON m.topic_id = $1 AND m.seq = e.seq
            UNION ALL
            SELECT r.target_seq, 0, r.emoji, count(*), bool_or(r.user_id = $3), min(r.seq)
            FROM message_reactions r WHERE r.topic_id = $1 AND r.target_seq = ANY($2) AND r.is_present
            GROUP BY r.target_seq, r.emoji
            ORDER BY first
            """, [.int(topic), seqs, .int(readerID)])
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
