import Topics

/// Finds messages by their words.
package struct SearchStore: Sendable {
    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// Messages with all these words, the last as a beginning, in conversations that the reader may read now; the newest first. Deleted ones are
    /// not among them, edited ones are found by their newest text. Messages of the last two seconds may be missing.
    /// - Parameters:
    ///   - address: only in this conversation; nil: in all.
    ///   - beforeID: only those with lower ids; nil: all.
    package func messages(
        matching query: String, in address: TopicAddress?, for readerID: Int64, beforeID: Int64?, limit: Int
    ) async throws(DatabaseError) -> [LogEntry] {
        // The words of up to 500 conversations stand in the index's question; more would cost more than they save.
        let rows = try await context.database.query(
            """
            WITH mine AS (
                SELECT t.id, t.kind, t.low, t.high FROM topics t WHERE t.kind = 2 AND t.low = $1
                UNION ALL SELECT t.id, t.kind, t.low, t.high FROM topics t WHERE t.kind = 2 AND t.high = $1
                UNION ALL SELECT m.group_id, 3, 0, 0 FROM members m WHERE m.user_id = $1
            ), asked AS MATERIALIZED (
                SELECT * FROM mine WHERE $5::bigint IS NULL OR id = confab_readable($1, $5, $6, $7, $8)
            )
            SELECT m.topic_id, m.seq, m.id, m.sender_id, m.kind, m.payload, a.kind, a.low, a.high
            FROM search_entries s JOIN asked a ON a.id = s.topic_id
            JOIN messages m ON m.topic_id = s.topic_id AND m.seq = s.seq
            WHERE s.words @@ (SELECT CASE WHEN numnode(q) = 0 OR count(*) > 500 THEN q
                    ELSE q && string_agg('''#' || x.id || '''', '|')::tsquery END
                FROM asked x, confab_words_query($2) AS q GROUP BY q)
                AND s.id < $3
                AND NOT EXISTS (SELECT 1 FROM message_deletions d WHERE d.topic_id = s.topic_id AND d.target_seq = s.seq)
            ORDER BY s.id DESC LIMIT $4
            """,
            [.int(readerID), .text(query), .int(beforeID ?? .max), .int(Int64(limit))]
                + (address?.columns ?? [.null, .null, .null, .null]))
        return (0..<rows.count).map { row in
            let id = rows.int(row, 0)
            let topic: StoredTopic =
                rows.int(row, 6) == TopicKind.direct.rawValue
                ? .direct(rows.int(row, 7), rows.int(row, 8), id: id) : .group(id)
            return LogEntry(rows, row, from: 1, of: topic)
        }
    }
}
