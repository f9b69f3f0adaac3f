/// Limits what is kept of inboxes and conversations.
package struct RetentionStore: Sendable {
    /// Topics that are looked at in one statement.
    private static let pageSize: Int64 = 1_000

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Looks at every log once and deletes what is beyond the limit of its kind. A walk through the table by id, with pauses: an index on
    /// what makes a log too long would have to be changed with every message.
    /// - Parameters:
    ///   - now: Unix milliseconds.
    ///   - trimmed: hears after each step of a log's first entry that is left.
    /// - Returns: how many entries were deleted.
    package func trim(
        _ limits: [TopicKind: RetentionLimit], now: Int64, trimmed: (_ topicID: Int64, _ firstSeq: Int64) -> Void
    ) async throws -> Int {
        let limits = limits.filter { $0.key != .filter && !$0.value.isNone }
        guard !limits.isEmpty else { return 0 }
        var count: Int64 = 0
        var last: Int64 = 0
        while let end = try await endOfPage(after: last) {
            for log in try await LogTrimmer.gently({ try await tooLong(limits, now: now, after: last, upTo: end) }) {
                guard let limit = limits[log.kind] else { preconditionFailure("only these were asked for") }
                count += try await LogTrimmer(database: database).trim(
                    log.id, below: limit.below(lastSeq: log.lastSeq), oldestID: limit.oldestID(now: now)
                ) { trimmed(log.id, $0) }.deleted
            }
            last = end
        }
        return Int(count)
    }

    private func endOfPage(after last: Int64) async throws(DatabaseError) -> Int64? {
        let rows = try await database.query(
            "SELECT max(id) FROM (SELECT id FROM topics WHERE id > $1 ORDER BY id LIMIT $2) page",
            [.int(last), .int(Self.pageSize)])
        return rows.isNull(0, 0) ? nil : rows.int(0, 0)
    }

    /// Logs with too many entries, or whose first is too old: one look into the index for each log with a limit on age.
    private func tooLong(
        _ limits: [TopicKind: RetentionLimit], now: Int64, after first: Int64, upTo last: Int64
    ) async throws(DatabaseError) -> [(id: Int64, kind: TopicKind, lastSeq: Int64)] {
        let kinds = Array(limits.keys)
        let rows = try await database.query(
            """
            SELECT t.id, t.kind, t.last_seq FROM topics t
            JOIN unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS l(kind, entries, oldest) ON l.kind = t.kind
            WHERE t.id > $1 AND t.id <= $2 AND t.first_seq <= t.last_seq AND (t.first_seq <= t.last_seq - l.entries
                OR l.oldest > 0
                AND (SELECT m.id FROM messages m WHERE m.topic_id = t.id AND m.seq = t.first_seq) < l.oldest)
            """,
            [
                .int(first), .int(last), .ints(kinds.map { Int64($0.rawValue) }),
                .ints(kinds.map { limits[$0]!.count ?? .max }), .ints(kinds.map { limits[$0]!.oldestID(now: now) }),
            ])
        return (0..<rows.count).map { row in
            guard let kind = TopicKind(rawValue: Int16(rows.int(row, 1))) else {
                preconditionFailure("an unknown kind")
            }
            return (rows.int(row, 0), kind, rows.int(row, 2))
        }
    }
}
