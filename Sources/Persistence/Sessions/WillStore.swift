/// The wills of connected clients, and of those whose will is still to be sent. Times are the hub's clock, in Unix milliseconds.
package struct WillStore: Sendable {
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// A client connects: what an earlier connection left with a delay is cancelled if this one goes on with its session [MQTT-3.1.3-9],
    /// else due now; the new will, if there is one, is kept.
    /// - Returns: whether something became due.
    package func connect(
        user: Int64, clientID: [UInt8], continuesSession: Bool, will: StoredWill?, now: Int64
    ) async throws(DatabaseError) -> Bool {
        let key: [Parameter] = [.int(user), .bytes(clientID), .bool(continuesSession), .int(now)]
        guard let will else {
            let rows = try await database.query(
                """
                WITH cancelled AS (
                    DELETE FROM mqtt_wills
                    WHERE user_id = $1 AND client_id = $2 AND $3 AND (due_at IS NULL OR due_at > $4)),
                ended AS (
                    UPDATE mqtt_wills SET due_at = $4
                    WHERE user_id = $1 AND client_id = $2 AND NOT $3 AND (due_at IS NULL OR due_at > $4) RETURNING id)
                SELECT count(*) FROM ended
                """, key)
            return rows.int(0, 0) > 0
        }
        let rows = try await database.query(
            """
            WITH cancelled AS (
                DELETE FROM mqtt_wills
                WHERE user_id = $1 AND client_id = $2 AND $3 AND (due_at IS NULL OR due_at > $4)),
            ended AS (
                UPDATE mqtt_wills SET due_at = $4
                WHERE user_id = $1 AND client_id = $2 AND NOT $3 AND (due_at IS NULL OR due_at > $4) RETURNING id),
            added AS (
                INSERT INTO mqtt_wills (id, user_id, client_id, delay_seconds, session_seconds, topic, payload, qos, retain,
                    expiry_seconds, properties, rules)
                VALUES ($5, $1, $2, $6, $7, $8, $9, $10, $11, $12, $13, $14))
            SELECT count(*) FROM ended
            """,
            key + [
                .int(will.id), .int(will.delaySeconds), .int(will.sessionSeconds), .bytes(will.topic),
                .bytes(will.payload), .int(Int64(will.qos)), .bool(will.retain),
                will.expirySeconds.map { .int($0) } ?? .null, .bytes(will.properties),
                will.rules.map { .bytes($0) } ?? .null,
            ])
        return rows.int(0, 0) > 0
    }

    /// The client of this will has a new token.
    package func setRules(_ rules: [UInt8]?, of id: Int64) async throws(DatabaseError) {
        _ = try await database.query(
            "UPDATE mqtt_wills SET rules = $2 WHERE id = $1", [.int(id), rules.map { .bytes($0) } ?? .null])
    }

    package func record(_ changes: WillChanges) async throws(DatabaseError) {
        if !changes.due.isEmpty {
            _ = try await database.query(
                "UPDATE mqtt_wills w SET due_at = u.at FROM unnest($1, $2) AS u(id, at) WHERE w.id = u.id",
                [.ints(changes.due.map(\.id)), .ints(changes.due.map(\.at))])
        }
        if !changes.gone.isEmpty {
            _ = try await database.query("DELETE FROM mqtt_wills WHERE id = ANY($1)", [.ints(changes.gone)])
        }
    }

    /// Sessions of this user were ended from outside: the delays of their wills are over.
    /// - Returns: whether something became due.
    package func endDelaysWithoutSession(ofUser user: Int64, now: Int64) async throws(DatabaseError) -> Bool {
        try await database.query(
            """
            UPDATE mqtt_wills w SET due_at = $2 WHERE user_id = $1 AND due_at > $2 AND NOT EXISTS (
                SELECT 1 FROM mqtt_sessions s WHERE s.user_id = w.user_id AND s.client_id = w.client_id)
            """, [.int(user), .int(now)]
        ).affected > 0
    }

    /// The process before this one ended without a word to its clients: their delays begin now.
    package func endConnections(now: Int64) async throws(DatabaseError) {
        _ = try await database.query(
            "UPDATE mqtt_wills SET due_at = $1 + 1000 * least(delay_seconds, session_seconds) WHERE due_at IS NULL",
            [.int(now)])
    }

    // MARK: Sending

    /// What is due, the longest waiting first.
    package func due(at now: Int64, except: [Int64], limit: Int) async throws(DatabaseError) -> [StoredWill] {
        let rows = try await database.query(
            """
            SELECT id, user_id, client_id, delay_seconds, session_seconds, topic, payload, qos, retain, expiry_seconds,
                properties, rules, entry_id
            FROM mqtt_wills WHERE due_at <= $1 AND id <> ALL($2) ORDER BY due_at, id LIMIT $3
            """, [.int(now), .ints(except), .int(Int64(limit))])
        return (0..<rows.count).map { row in
            StoredWill(
                id: rows.int(row, 0), userID: rows.int(row, 1), clientID: rows.bytes(row, 2),
                delaySeconds: rows.int(row, 3), sessionSeconds: rows.int(row, 4), topic: rows.bytes(row, 5),
                payload: rows.bytes(row, 6), qos: UInt8(truncatingIfNeeded: rows.int(row, 7)),
                retain: rows.bool(row, 8), expirySeconds: rows.isNull(row, 9) ? nil : rows.int(row, 9),
                properties: rows.bytes(row, 10), rules: rows.isNull(row, 11) ? nil : rows.bytes(row, 11),
                entryID: rows.isNull(row, 12) ? nil : rows.int(row, 12))
        }
    }

    /// When the next will is due; nil: none is.
    package func nextDue(except: [Int64]) async throws(DatabaseError) -> Int64? {
        let rows = try await database.query(
            "SELECT due_at FROM mqtt_wills WHERE due_at IS NOT NULL AND id <> ALL($1) ORDER BY due_at LIMIT 1",
            [.ints(except)])
        return rows.count == 1 ? rows.int(0, 0) : nil
    }

    /// Before an entry is appended: a second attempt must be the same entry.
    package func setEntries(_ entries: [(id: Int64, entryID: Int64)]) async throws(DatabaseError) {
        guard !entries.isEmpty else { return }
        _ = try await database.query(
            "UPDATE mqtt_wills w SET entry_id = u.entry FROM unnest($1, $2) AS u(id, entry) WHERE w.id = u.id",
            [.ints(entries.map(\.id)), .ints(entries.map(\.entryID))])
    }
}
