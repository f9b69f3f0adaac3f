import Topics

/// All entries that a user can read, topic by topic, for a copy of its data.
package struct ExportStore: Sendable {
    /// Where a page ends: entries of earlier topics, and of this one up to `seq`, are done with.
    package struct Position: Sendable, Equatable {
        package var topicID: Int64
        package var seq: Int64

        package init(topicID: Int64, seq: Int64) {
            self.topicID = topicID
            self.seq = seq
        }

        package static let start = Position(topicID: 0, seq: 0)
    }

    /// Topics that one page looks into; most have nothing, or more than a page.
    private static let topicsMax: Int64 = 50

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// - Parameter limit: entries at most; there may be fewer though it goes on.
    /// - Returns: `next`: nil at the end.
    package func entries(
        of userID: Int64, after position: Position, limit: Int
    ) async throws(DatabaseError) -> (entries: [LogEntry], next: Position?) {
        let rows = try await context.database.query(
            """
            SELECT t.id, t.kind, t.low, t.high, m.seq, m.id, m.sender_id, m.kind, m.payload
            FROM (SELECT * FROM (
                    SELECT id, kind, low, high FROM topics WHERE id = $1
                    UNION ALL SELECT id, kind, low, high FROM topics WHERE kind = 2 AND low = $1
                    UNION ALL SELECT id, kind, low, high FROM topics WHERE kind = 2 AND high = $1
                    UNION ALL SELECT t.id, t.kind, t.low, t.high
                        FROM members m JOIN topics t ON t.id = m.group_id WHERE m.user_id = $1) mine
                WHERE id >= $2 ORDER BY id LIMIT $5) t
            LEFT JOIN LATERAL (SELECT * FROM messages m
                WHERE m.topic_id = t.id AND m.seq > CASE t.id WHEN $2 THEN $3 ELSE 0 END
                ORDER BY m.seq LIMIT $4) m ON true
            ORDER BY t.id, m.seq LIMIT $4
            """,
            [
                .int(userID), .int(position.topicID), .int(position.seq), .int(Int64(limit)), .int(Self.topicsMax),
            ])
        guard rows.count > 0 else { return ([], nil) }
        let entries = (0..<rows.count).compactMap { row -> LogEntry? in
            guard !rows.isNull(row, 4) else { return nil }
            let topic = StoredTopic(id: rows.int(row, 0), address: Self.address(rows, row))
            return LogEntry(rows, row, from: 4, of: topic)
        }
        let last = rows.count - 1
        // A topic without a further entry stands there once, so that the page shows that it was looked at.
        let next =
            rows.isNull(last, 4)
            ? Position(topicID: rows.int(last, 0) + 1, seq: 0)
            : Position(topicID: rows.int(last, 0), seq: rows.int(last, 4))
        return (entries, next)
    }

    private static func address(_ rows: Rows, _ row: Int) -> TopicAddress {
        switch TopicKind(rawValue: Int16(rows.int(row, 1))) {
        case .inbox: .inbox(user: rows.int(row, 0))
        case .direct: .direct(low: rows.int(row, 2), high: rows.int(row, 3))
        case .group: .group(rows.int(row, 0))
        case .filter, nil: preconditionFailure("a topic of another kind is nobody's to read")
        }
    }
}
