/// Reads logs, for resuming sessions and for history.
package struct LogReader: Sendable {
    /// Where a page stands in the log. Entries come in ascending order either way.
    package enum Anchor: Sendable {
        /// The entries that follow `seq`.
        case after(Int64)
        /// The entries that lead up to `seq`, itself not included.
        case before(Int64)

        /// The end of the log.
        package static let end = Anchor.before(.max)
    }

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// At most `limit` entries next to the anchor; with `kinds` only those.
    package func read(
        _ topic: StoredTopic, _ anchor: Anchor, limit: Int, kinds: [EntryKind]? = nil
    ) async throws(DatabaseError) -> [LogEntry] {
        let kinds = Parameter.ints((kinds ?? EntryKind.allCases).map { Int64($0.rawValue) })
        let rows: Rows
        switch anchor {
        case .after(let seq):
            rows = try await database.query(
                """
                SELECT seq, id, sender_id, kind, payload FROM messages
                WHERE topic_id = $1 AND seq > $2 AND kind = ANY($3) ORDER BY seq LIMIT $4
                """, [.int(topic.id), .int(seq), kinds, .int(Int64(limit))])
        case .before(let seq):
            rows = try await database.query(
                """
                SELECT * FROM (
                    SELECT seq, id, sender_id, kind, payload FROM messages
                    WHERE topic_id = $1 AND seq < $2 AND kind = ANY($3) ORDER BY seq DESC LIMIT $4) page
                ORDER BY seq
                """, [.int(topic.id), .int(seq), kinds, .int(Int64(limit))])
        }
        return (0..<rows.count).map { entry(of: topic, rows, $0) }
    }

    /// For each of them its entries, ascending; one statement for all. A search that begins at the first entry does not come by those that
    /// were deleted lately, of which the index still knows.
    package func read(_ reads: [LogRead]) async throws(DatabaseError) -> [[LogEntry]] {
        let rows = try await database.query(
            """
            SELECT m.seq, m.id, m.sender_id, m.kind, m.payload, r.index
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS r(topic, seq, most, index)
            JOIN topics t ON t.id = r.topic
            CROSS JOIN LATERAL (
                SELECT seq, id, sender_id, kind, payload FROM messages
                WHERE topic_id = t.id AND seq >= t.first_seq AND seq > r.seq ORDER BY seq LIMIT r.most) m
            ORDER BY r.index, m.seq
            """, [.ints(reads.map(\.topic.id)), .ints(reads.map(\.seq)), .ints(reads.map { Int64($0.limit) })])
        var pages = Array(repeating: [LogEntry](), count: reads.count)
        for row in 0..<rows.count {
            let index = Int(rows.int(row, 5)) - 1
            pages[index].append(entry(of: reads[index].topic, rows, row))
        }
        return pages
    }

    private func entry(of topic: StoredTopic, _ rows: Rows, _ row: Int) -> LogEntry {
        guard let kind = EntryKind(rawValue: Int16(rows.int(row, 3))) else {
            preconditionFailure("kind \(rows.int(row, 3)) in messages")
        }
        return LogEntry(
            topic: topic, seq: rows.int(row, 0), id: rows.int(row, 1), senderID: rows.int(row, 2), kind: kind,
            suffix: rows.bytes(row, 4))
    }

    /// The last `seq` of each topic that exists.
    package func heads(of topics: [Int64]) async throws(DatabaseError) -> [Int64: Int64] {
        let rows = try await database.query("SELECT id, last_seq FROM topics WHERE id = ANY($1)", [.ints(topics)])
        var heads: [Int64: Int64] = [:]
        for row in 0..<rows.count { heads[rows.int(row, 0)] = rows.int(row, 1) }
        return heads
    }
}
