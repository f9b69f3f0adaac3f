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
        guard let words = SearchWords.query(query) else { return [] }
        // Each part once, in this order: the index is asked once, not for each conversation, and only what goes into the page is read from the log.
        let rows = try await context.database.query(
            """
            WITH mine AS MATERIALIZED (
                SELECT t.id, t.kind, t.low, t.high FROM topics t WHERE t.kind = 2 AND t.low = $1
                UNION ALL SELECT t.id, t.kind, t.low, t.high FROM topics t WHERE t.kind = 2 AND t.high = $1
                UNION ALL SELECT m.group_id, 3, 0, 0 FROM members m WHERE m.user_id = $1
            ), found AS MATERIALIZED (
                SELECT s.topic_id, s.seq, s.id FROM search_entries s
                WHERE s.id < $3 AND s.words @@ (CASE WHEN $5::bigint IS NULL THEN $2::text::tsquery
                    ELSE $2::text::tsquery && ('''#' || confab_readable($1, $5, $6, $7, $8) || '''')::tsquery END)
            ), page AS MATERIALIZED (
                SELECT f.*, a.kind, a.low, a.high FROM found f JOIN mine a ON a.id = f.topic_id
                WHERE NOT EXISTS (SELECT 1 FROM message_deletions d WHERE d.topic_id = f.topic_id AND d.target_seq = f.seq)
                ORDER BY f.id DESC LIMIT $4
            )
            SELECT m.topic_id, m.seq, m.id, m.sender_id, m.kind, m.payload, p.kind, p.low, p.high
            FROM page p JOIN messages m ON m.topic_id = p.topic_id AND m.seq = p.seq
            ORDER BY p.id DESC
            """,
            [.int(readerID), .text(words), .int(beforeID ?? .max), .int(Int64(limit))]
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
