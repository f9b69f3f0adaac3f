/// Which filters have a log, and what of it is still needed.
package struct FilterLogStore: Sendable {
    /// A filter that nobody has subscribed to keeps its log so long: it may be on its way to somebody.
    private static let unwantedSeconds: Int64 = 3_600
    private static let pageSize: Int64 = 1_000

    private let database: Database
    private let requests: Batcher<[(filter: [UInt8], id: Int64)], [FilterLog]>

    package init(_ database: Database) {
        self.database = database
        requests = Batcher(batchMax: 256) { try await Self.logs($0, database) }
    }

    /// All of them, in pages: one for each distinct filter, however many sessions have it.
    package func all() async throws(DatabaseError) -> [FilterLog] {
        var logs: [FilterLog] = []
        var last: Int64 = 0
        while true {
            let rows = try await database.query(
                """
                SELECT f.topic_id, f.filter, t.last_seq, f.consumed_seq, f.consumed_above
                FROM filter_logs f JOIN topics t ON t.id = f.topic_id
                WHERE f.topic_id > $1 ORDER BY f.topic_id LIMIT $2
                """, [.int(last), .int(Self.pageSize)])
            for row in 0..<rows.count { logs.append(try Self.log(rows, row)) }
            guard rows.count == Int(Self.pageSize), let end = logs.last?.topicID else { break }
            last = end
        }
        if logs.contains(where: \.isShared) { try await findTaken(&logs) }
        return logs
    }

    /// Shared messages that sessions keep themselves, for good: nobody else is to get them (MQTT 5 §4.8.2).
    private func findTaken(_ logs: inout [FilterLog]) async throws(DatabaseError) {
        let places = Dictionary(
            uniqueKeysWithValues: logs.indices.filter { logs[$0].isShared }.map { (logs[$0].topicID, $0) })
        var last: Int64 = 0
        while true {
            let rows = try await database.query(
                "SELECT id, outbound FROM mqtt_sessions WHERE id > $1 AND holds_shared ORDER BY id LIMIT $2",
                [.int(last), .int(Self.pageSize)])
            for row in 0..<rows.count {
                last = rows.int(row, 0)
                let state = SessionStateCodec.decode(
                    cursors: [], outbound: rows.bytes(row, 1), inbound: [], packets: [])
                for delivery in state?.deliveries ?? [] {
                    if let place = places[delivery.topicID] { logs[place].consumption.taken.insert(delivery.seq) }
                }
            }
            guard rows.count == Int(Self.pageSize) else { return }
        }
    }

    /// Stores how far shared subscriptions have come, in one statement.
    /// - Returns: those that are stored, or whose log is gone. A row that somebody else is changing is left out: who waited for it could
    ///   wait for each other.
    package func save(_ consumptions: [Int64: Consumption]) async throws(DatabaseError) -> [Int64] {
        let ids = Array(consumptions.keys)
        let rows = try await database.query(
            """
            WITH free AS (
                SELECT f.topic_id, u.seq, u.above FROM unnest($1, $2, $3) AS u(id, seq, above)
                JOIN filter_logs f ON f.topic_id = u.id FOR UPDATE OF f SKIP LOCKED),
            stored AS (
                UPDATE filter_logs f SET consumed_seq = free.seq, consumed_above = free.above
                FROM free WHERE f.topic_id = free.topic_id RETURNING f.topic_id)
            SELECT topic_id FROM stored
            UNION ALL SELECT id FROM unnest($1) AS gone(id)
            WHERE NOT EXISTS (SELECT FROM filter_logs f WHERE f.topic_id = gone.id)
            """,
            [
                .ints(ids), .ints(ids.map { consumptions[$0]!.floor }), .blobs(ids.map { consumptions[$0]!.packed }),
            ])
        return (0..<rows.count).map { rows.int($0, 0) }
    }

    /// The logs of these filters; those that are missing are made.
    /// - Parameter ids: of the logs that may have to be made, one for each filter.
    package func logs(of filters: [[UInt8]], ids: [Int64]) async throws(DatabaseError) -> [FilterLog] {
        precondition(filters.count == ids.count)
        return try await requests.ask(Array(zip(filters, ids)).map { (filter: $0, id: $1) })
    }

    private static func logs(
        _ requests: [[(filter: [UInt8], id: Int64)]], _ database: Database
    ) async throws -> [[FilterLog]] {
        // Ascending, so that two hubs lock rows in one order.
        let wanted = Dictionary(requests.joined().map { ($0.filter, $0.id) }) { first, _ in first }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        let filters = Parameter.blobs(wanted.map(\.key)), ids = Parameter.ints(wanted.map(\.value))
        let logs = try await database.transaction { transaction in
            _ = try await transaction.query(
                """
                INSERT INTO topics (id, kind) SELECT u.id, 4 FROM unnest($1, $2) AS u(filter, id)
                WHERE (SELECT f.topic_id FROM filter_logs f WHERE sha256(f.filter) = sha256(u.filter)) IS NULL
                """, [filters, ids])
            _ = try await transaction.query(
                """
                INSERT INTO filter_logs (topic_id, filter)
                SELECT u.id, u.filter FROM unnest($1, $2) AS u(filter, id)
                WHERE (SELECT true FROM topics WHERE id = u.id)
                ON CONFLICT (sha256(filter)) DO NOTHING
                """, [filters, ids])
            let rows = try await transaction.query(
                """
                UPDATE filter_logs f SET wanted_at = now() WHERE topic_id = ANY(ARRAY(
                    SELECT o.topic_id FROM unnest($1) AS u(filter) CROSS JOIN LATERAL (
                        SELECT topic_id FROM filter_logs WHERE sha256(filter) = sha256(u.filter) OFFSET 0) o))
                RETURNING topic_id, filter, (SELECT last_seq FROM topics WHERE id = f.topic_id), consumed_seq, consumed_above
                """, [filters])
            return try (0..<rows.count).map { (row) throws(DatabaseError) in try Self.log(rows, row) }
        }
        let byFilter = Dictionary(logs.map { ($0.filter, $0) }) { first, _ in first }
        return requests.map { request in request.compactMap { byFilter[$0.filter] } }
    }

    /// Deletes entries that every session with the filter has, but for those that their publisher may publish again, and those beyond the
    /// limit.
    /// - Parameter now: Unix milliseconds.
    /// - Returns: the logs of which entries have gone for the limit alone, and how many: who was to get them does not.
    package func purgeEntries(
        limit: RetentionLimit, now: Int64
    ) async throws -> [(log: FilterLog, lostCount: Int64)] {
        var ends: [(log: FilterLog, needed: Int64)] = []
        var last: Int64 = 0
        while true {
            let logs = try await database.query(
                """
                SELECT f.topic_id, f.filter, t.last_seq, f.consumed_seq, f.consumed_above
                FROM filter_logs f JOIN topics t ON t.id = f.topic_id
                WHERE f.topic_id > $1 AND t.last_seq >= t.first_seq ORDER BY f.topic_id LIMIT $2
                """, [.int(last), .int(Self.pageSize)])
            for row in 0..<logs.count {
                let log = try Self.log(logs, row)
                ends.append((log, try await neededAfter(log) + 1))
                last = log.topicID
            }
            guard logs.count == Int(Self.pageSize) else { break }
        }
        if ends.isEmpty { return [] }
        // Read last: an exchange is saved before its message gets into a log.
        let open = try await openEntries()
        var lost: [(log: FilterLog, lostCount: Int64)] = []
        for end in ends {
            let lostCount = try await purge(end.log, below: end.needed, but: open, limit, now: now)
            if lostCount > 0 { lost.append((end.log, lostCount)) }
        }
        return lost
    }

    /// The ids of entries whose QoS 2 exchange is not over. If such a message comes again, its entry is all that tells that it is the same.
    private func openEntries() async throws(DatabaseError) -> [Int64] {
        var ids: [Int64] = []
        var last: Int64 = 0
        while true {
            let rows = try await database.query(
                "SELECT id, inbound FROM mqtt_sessions WHERE id > $1 AND inbound <> '' ORDER BY id LIMIT $2",
                [.int(last), .int(Self.pageSize)])
            for row in 0..<rows.count {
                last = rows.int(row, 0)
                let state = SessionStateCodec.decode(
                    cursors: [], outbound: [], inbound: rows.bytes(row, 1), packets: [])
                ids += state?.exchanges.map(\.entryID) ?? []
            }
            guard rows.count == Int(Self.pageSize) else { return ids }
        }
    }

    /// Removes the logs of filters that no session has any more.
    /// - Returns: their filters.
    package func removeUnwanted() async throws -> [FilterLog] {
        try await database.transaction { transaction in
            let gone = try await transaction.query(
                """
                DELETE FROM filter_logs f WHERE wanted_at < now() - $1 * interval '1 second'
                    AND NOT EXISTS (SELECT FROM mqtt_subscriptions s WHERE sha256(s.filter) = sha256(f.filter))
                RETURNING topic_id, filter, 0, consumed_seq, consumed_above
                """, [.int(Self.unwantedSeconds)])
            let logs = try (0..<gone.count).map { (row) throws(DatabaseError) in try Self.log(gone, row) }
            _ = try await transaction.query(
                "DELETE FROM messages WHERE topic_id = ANY($1)", [.ints(logs.map(\.topicID))])
            _ = try await transaction.query("DELETE FROM topics WHERE id = ANY($1)", [.ints(logs.map(\.topicID))])
            return logs
        }
    }

    /// The lowest cursor of all sessions with the filter; the end of the log if there is none. A shared subscription has one place.
    private func neededAfter(_ log: FilterLog) async throws(DatabaseError) -> Int64 {
        if log.isShared { return log.consumption.floor }
        var lowest = log.lastSeq
        var last: Int64 = 0
        while true {
            let rows = try await database.query(
                """
                SELECT m.id, m.cursors, s.log_seq
                FROM mqtt_subscriptions s JOIN mqtt_sessions m ON m.id = s.session_id
                WHERE sha256(s.filter) = sha256($1) AND s.options & 3 > 0 AND m.id > $2 ORDER BY m.id LIMIT $3
                """, [.bytes(log.filter), .int(last), .int(Self.pageSize)])
            for row in 0..<rows.count {
                last = rows.int(row, 0)
                let cursor = CursorCodec.decode(rows.bytes(row, 1))?.first { $0.topicID == log.topicID }
                // A session that went before its SUBACK has no cursor, and begins where the log ended at its SUBSCRIBE.
                if let cursor {
                    lowest = min(lowest, cursor.acked)
                } else if !rows.isNull(row, 2) {
                    lowest = min(lowest, rows.int(row, 2))
                }
            }
            guard rows.count == Int(Self.pageSize) else { return lowest }
        }
    }

    /// - Parameters:
    ///   - needed: the first entry that some session has not read.
    ///   - open: ids of entries that stay, and what comes after them, unless they are beyond the limit.
    /// - Returns: how many entries have gone that some session had not read.
    private func purge(
        _ log: FilterLog, below needed: Int64, but open: [Int64], _ limit: RetentionLimit, now: Int64
    ) async throws -> Int64 {
        let held = try await database.query(
            "SELECT coalesce(min(seq), $2) FROM messages WHERE topic_id = $1 AND seq < $2 AND id = ANY($3)",
            [.int(log.topicID), .int(needed), .ints(open)]
        ).int(0, 0)
        let trimmed = try await LogTrimmer(database: database).trim(
            log.topicID, below: max(held, limit.below(lastSeq: log.lastSeq)), oldestID: limit.oldestID(now: now))
        return min(trimmed.deleted, max(0, trimmed.firstSeq - needed))
    }

    private static func log(_ rows: Rows, _ row: Int) throws(DatabaseError) -> FilterLog {
        let log = FilterLog(topicID: rows.int(row, 0), filter: rows.bytes(row, 1), lastSeq: rows.int(row, 2))
        return try log.with(rows, row, 3)
    }
}

extension FilterLog {
    /// With what two columns say about its consumption.
    func with(_ rows: Rows, _ row: Int, _ column: Int) throws(DatabaseError) -> FilterLog {
        guard let stored = Consumption(floor: rows.int(row, column), packed: rows.bytes(row, column + 1)) else {
            throw .refused(code: "XX001", constraint: "", message: "the consumption of log \(topicID) is damaged")
        }
        var log = self
        log.consumption = stored
        return log
    }
}
