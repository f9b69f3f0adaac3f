import Topics

/// Pages of logs, for those who may read them.
package struct HistoryStore: Sendable {
    let context: DomainContext
    private let marks: ReadMarkStore

    package init(context: DomainContext) {
        self.context = context
        marks = ReadMarkStore(context: context)
    }

    /// From where a page goes, and in which direction; seqs are exclusive.
    package enum Position: Sendable, Equatable {
        /// The newest below; nil: the newest of all.
        case before(Int64?)
        /// The oldest above.
        case after(Int64)
    }

    /// - Parameter kinds: only these; nil: all.
    /// - Returns: nil if there is no such topic that `readerID` may read.
    package func page(
        of address: TopicAddress, for readerID: Int64, _ position: Position, limit: Int, kinds: [EntryKind]? = nil
    ) async throws(DatabaseError) -> Page? {
        let kindParameter = kinds.map { Parameter.ints($0.map { Int64($0.rawValue) }) } ?? .null
        let who = [.int(readerID)] + address.columns
        let rows: Rows
        switch position {
        case .before(let seq):
            rows = try await context.database.query(
                """
                SELECT t.id, t.last_seq, t.first_seq, greatest(r.read_seq, t.first_seq - 1),
                    m.seq, m.id, m.sender_id, m.kind, m.payload, t.is_annotated
                FROM (SELECT *, EXISTS (SELECT 1 FROM message_edits e WHERE e.topic_id = topics.id)
                        OR EXISTS (SELECT 1 FROM message_reactions e WHERE e.topic_id = topics.id) AS is_annotated
                    FROM topics WHERE id = confab_readable($1, $2, $3, $4, $5)) t
                LEFT JOIN read_marks r ON r.topic_id = t.id AND r.user_id = $1
                LEFT JOIN LATERAL (SELECT * FROM messages m
                    WHERE m.topic_id = t.id AND m.seq >= t.first_seq AND m.seq < $6
                        AND ($8::bigint[] IS NULL OR m.kind = ANY ($8))
                    ORDER BY m.seq DESC LIMIT $7) m ON true
                ORDER BY m.seq DESC
                """, who + [.int(seq ?? .max), .int(Int64(limit) + 1), kindParameter])
        case .after(let seq):
            rows = try await context.database.query(
                """
                SELECT t.id, t.last_seq, t.first_seq, greatest(r.read_seq, t.first_seq - 1),
                    m.seq, m.id, m.sender_id, m.kind, m.payload, t.is_annotated
                FROM (SELECT *, EXISTS (SELECT 1 FROM message_edits e WHERE e.topic_id = topics.id)
                        OR EXISTS (SELECT 1 FROM message_reactions e WHERE e.topic_id = topics.id) AS is_annotated
                    FROM topics WHERE id = confab_readable($1, $2, $3, $4, $5)) t
                LEFT JOIN read_marks r ON r.topic_id = t.id AND r.user_id = $1
                LEFT JOIN LATERAL (SELECT * FROM messages m
                    WHERE m.topic_id = t.id AND m.seq >= t.first_seq AND m.seq > $6
                        AND ($8::bigint[] IS NULL OR m.kind = ANY ($8))
                    ORDER BY m.seq LIMIT $7) m ON true
                ORDER BY m.seq
                """, who + [.int(seq), .int(Int64(limit) + 1), kindParameter])
        }
        guard rows.count > 0 else { return nil }
        return Page(rows, of: address, position, limit: limit)
    }

    package func entry(
        _ seq: Int64, of address: TopicAddress, for readerID: Int64
    ) async throws(DatabaseError) -> LogEntry? {
        let rows = try await context.database.query(
            """
            SELECT m.topic_id, m.seq, m.id, m.sender_id, m.kind, m.payload FROM messages m
            WHERE m.topic_id = confab_readable($1, $2, $3, $4, $5) AND m.seq = $6
            """, [.int(readerID)] + address.columns + [.int(seq)])
        guard rows.count == 1 else { return nil }
        return LogEntry(rows, 0, from: 1, of: StoredTopic(id: rows.int(0, 0), address: address))
    }

    /// Moves the reader's watermark, as `ReadMarkStore.markRead` does; false if it may not read the topic.
    package func markRead(
        _ address: TopicAddress, upTo seq: Int64, by readerID: Int64
    ) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            "SELECT confab_readable($1, $2, $3, $4, $5)", [.int(readerID)] + address.columns)
        guard !rows.isNull(0, 0) else { return false }
        let topic = StoredTopic(id: rows.int(0, 0), address: address)
        try await marks.markRead(topic, upTo: seq, by: readerID)
        return true
    }
}

extension LogEntry {
    /// Reads `seq, id, sender_id, kind, payload` from `column` on.
    init(_ rows: Rows, _ row: Int, from column: Int, of topic: StoredTopic) {
        self.init(
            topic: topic, seq: rows.int(row, column), id: rows.int(row, column + 1),
            senderID: rows.int(row, column + 2), kind: Self.kind(rows, row, column + 3),
            suffix: rows.bytes(row, column + 4))
    }

    static func kind(_ rows: Rows, _ row: Int, _ column: Int) -> EntryKind {
        guard let kind = EntryKind(rawValue: Int16(rows.int(row, column))) else {
            preconditionFailure("an entry of an unknown kind is stored")
        }
        return kind
    }
}
