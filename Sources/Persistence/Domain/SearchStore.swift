import Topics

/// Finds messages by their words.
package struct SearchStore: Sendable {
    package struct Page: Sendable {
        /// The newest first.
        package var entries: [LogEntry]
        /// Older ones have lower ids than this; nil: there are none. A page may have few entries, or none, and yet not be the last.
        package var before: Int64?
    }

    /// What a page may cost: so many entries are looked at, for the index to be asked or by a walk; some 20 ms.
    private static let looksMax: Int64 = 20_000

    let context: DomainContext
    private let looksMax: Int64

    package init(context: DomainContext) { self.init(context: context, looksMax: Self.looksMax) }

    init(context: DomainContext, looksMax: Int64) {
        self.context = context
        self.looksMax = looksMax
    }

    /// Messages with all these words, the last as a beginning, in conversations that the reader may read now; the newest first. Deleted ones are
    /// not among them, edited ones are found by their newest text. Messages of the last two seconds may be missing.
    /// - Parameters:
    ///   - address: only in this conversation; nil: in all.
    ///   - beforeID: only those with lower ids; nil: all.
    ///   - limit: entries, at least one.
    package func messages(
        matching query: String, in address: TopicAddress?, for readerID: Int64, beforeID: Int64?, limit: Int
    ) async throws(DatabaseError) -> Page {
        guard let words = SearchWords.query(query) else { return Page(entries: [], before: nil) }
        let rows = try await context.database.query(
            """
            SELECT m.topic_id, m.seq, m.id, m.sender_id, m.kind, m.payload, t.kind, t.low, t.high, p.o_before
            FROM confab_search($1, $2, $3, $4, $5, $6, $7, $8, $9) p
            LEFT JOIN topics t ON t.id = p.o_topic
            LEFT JOIN messages m ON m.topic_id = p.o_topic AND m.seq = p.o_seq
            WHERE m.id IS NOT NULL OR p.o_before IS NOT NULL
            ORDER BY p.o_id DESC NULLS LAST
            """,
            [.int(readerID), .text(words)] + (address?.columns ?? [.null, .null, .null, .null])
                + [.int(beforeID ?? .max), .int(Int64(limit) + 1), .int(looksMax)])
        var page = Page(entries: [], before: nil)
        for row in 0..<rows.count {
            guard rows.isNull(row, 9) else {
                page.before = rows.int(row, 9)
                break
            }
            guard page.entries.count < limit else {
                page.before = page.entries.last?.id
                break
            }
            page.entries.append(entry(rows, row))
        }
        return page
    }

    private func entry(_ rows: Rows, _ row: Int) -> LogEntry {
        let id = rows.int(row, 0)
        let topic: StoredTopic =
            rows.int(row, 6) == TopicKind.direct.rawValue
            ? .direct(rows.int(row, 7), rows.int(row, 8), id: id) : .group(id)
        return LogEntry(rows, row, from: 1, of: topic)
    }
}
