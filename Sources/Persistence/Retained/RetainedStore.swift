/// The retained messages of plain topics: a row for each topic that keeps one. Nothing is held in memory.
package struct RetainedStore: Sendable {
    /// The purge, and writers that remove, lock rows in another order than writers that insert.
    private static let attemptsMax = 5

    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func exist() async throws(DatabaseError) -> Bool {
        try await database.query("SELECT 1 FROM retained LIMIT 1").count > 0
    }

    package func count() async throws(DatabaseError) -> Int {
        Int(try await database.query("SELECT count(*) FROM retained").int(0, 0))
    }

    // MARK: Writing

    /// Puts the messages in place of those that their topics keep; an empty payload removes. All or nothing.
    /// - Parameter messages: at most one for each topic.
    package func write(_ messages: [RetainedMessage]) async throws(DatabaseError) {
        // In one order, so that two hubs don't end each other.
        let kept = messages.filter { !$0.isNone }.sorted { $0.topic.lexicographicallyPrecedes($1.topic) }
        let parameters: [Parameter] = [
            .blobs(messages.filter(\.isNone).map(\.topic)), .blobs(kept.map(\.topic)),
            .ints(kept.map { Int64($0.qos) }), .ints(kept.map(\.expiresAt)), .blobs(kept.map(\.properties)),
            .blobs(kept.map(\.payload)),
        ]
        for attempt in 1... {
            do throws(DatabaseError) {
                _ = try await database.query(Self.write, parameters)
                return
            } catch {
                guard error.isRetryable, attempt < Self.attemptsMax else { throw error }
            }
        }
    }

    private static let write: StaticString = """
        WITH gone AS (
            DELETE FROM retained WHERE sha256(topic) = ANY(ARRAY(SELECT sha256(u.topic) FROM unnest($1) AS u(topic))))
        INSERT INTO retained (topic, qos, expires_at, properties, payload)
        SELECT u.topic, u.qos, u.expires_at, u.properties, u.payload
        FROM unnest($2, $3, $4, $5, $6) AS u(topic, qos, expires_at, properties, payload)
        ON CONFLICT (sha256(topic)) DO UPDATE SET qos = excluded.qos, expires_at = excluded.expires_at,
            properties = excluded.properties, payload = excluded.payload
        """

    /// Deletes what has expired; returns how many.
    package func purgeExpired(now: Int64) async throws(DatabaseError) -> Int {
        try await database.query("DELETE FROM retained WHERE expires_at > 0 AND expires_at <= $1", [.int(now)]).affected
    }

    // MARK: Reading

    /// What these topics keep, expired or not.
    /// - Parameters:
    ///   - topics: distinct.
    ///   - bytesMax: the answer ends with the message that reaches it.
    package func read(_ topics: [[UInt8]], bytesMax: Int) async throws(DatabaseError) -> RetainedPage {
        // The sum is made of lengths, so payloads behind the end are not even fetched from their pages. LIMIT keeps the planner from
        // going through the whole table.
        let rows = try await database.query(
            """
            SELECT n, qos, expires_at, properties, CASE WHEN before < $2 THEN payload END
            FROM (
                SELECT u.n, r.qos, r.expires_at, r.properties, r.payload,
                    coalesce(sum(octet_length(r.properties) + octet_length(r.payload)) OVER (
                        ORDER BY u.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
                FROM unnest($1) WITH ORDINALITY AS u(topic, n)
                CROSS JOIN LATERAL (
                    SELECT * FROM retained WHERE sha256(retained.topic) = sha256(u.topic) LIMIT 1) AS r) AS found
            ORDER BY n
            """, [.blobs(topics), .int(Int64(bytesMax))])
        var page = RetainedPage(messages: [], answeredCount: topics.count)
        for row in 0..<rows.count {
            let place = Int(rows.int(row, 0)) - 1
            guard !rows.isNull(row, 4) else {
                page.answeredCount = place
                break
            }
            page.messages.append(
                RetainedMessage(
                    topic: topics[place], payload: rows.bytes(row, 4), qos: UInt8(truncatingIfNeeded: rows.int(row, 1)),
                    properties: rows.bytes(row, 3), expiresAt: rows.int(row, 2)))
        }
        return page
    }

    /// The topics behind a position, in their order.
    /// - Parameters:
    ///   - end: places from this one on are not wanted.
    ///   - bytesMax: the answer ends with the name that reaches it.
    package func topics(
        after position: RetainedPosition, before end: [UInt8], limit: Int, bytesMax: Int
    ) async throws(DatabaseError) -> RetainedTopics {
        let rows = try await database.query(
            """
            SELECT place, hash, CASE WHEN before < $5 THEN topic END
            FROM (
                SELECT place, hash, topic, coalesce(sum(octet_length(topic)) OVER (
                    ORDER BY place, hash ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
                FROM (
                    SELECT substring(topic for 512) AS place, sha256(topic) AS hash, topic FROM retained
                    WHERE (substring(topic for 512), sha256(topic)) > ($1, $2) AND substring(topic for 512) < $3
                    ORDER BY substring(topic for 512), sha256(topic) LIMIT $4) AS page) AS summed
            ORDER BY place, hash
            """,
            [.bytes(position.place), .bytes(position.hash), .bytes(end), .int(Int64(limit)), .int(Int64(bytesMax))])
        var found = RetainedTopics(topics: [], next: nil)
        for row in 0..<rows.count where !rows.isNull(row, 2) { found.topics.append(rows.bytes(row, 2)) }
        if rows.count == limit || found.topics.count < rows.count {
            let last = found.topics.count - 1
            found.next = RetainedPosition(place: rows.bytes(last, 0), hash: rows.bytes(last, 1))
        }
        return found
    }
}
