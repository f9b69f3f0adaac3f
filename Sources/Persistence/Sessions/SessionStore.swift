/// A subscription of a persistent session.
package struct StoredSubscription: Sendable, Equatable {
    package var filter: [UInt8]
    /// MQTT 5 §3.8.3.1.
    package var options: UInt8
    /// 0: none.
    package var identifier: UInt32
    /// When it is loaded: the log of its filter, if there is one and the QoS is not 0.
    package var log: FilterLog?
    /// The end of that log when the session subscribed.
    package var logSeq: Int64?

    package init(
        filter: [UInt8], options: UInt8, identifier: UInt32, log: FilterLog? = nil, logSeq: Int64? = nil
    ) {
        self.logSeq = logSeq
        self.filter = filter
        self.options = options
        self.identifier = identifier
        self.log = log
    }
}

/// What is kept of a persistent session.
package struct StoredSession: Sendable, Equatable {
    package var id: Int64
    package var state: SessionState
    package var subscriptions: [StoredSubscription]

    package init(id: Int64, state: SessionState = SessionState(), subscriptions: [StoredSubscription] = []) {
        self.id = id
        self.state = state
        self.subscriptions = subscriptions
    }
}

/// The persistent MQTT sessions: one row each, what it has under way packed, and its subscriptions.
///
/// While a session is connected it expires in 30 days, moved on by `keep`; how long it really lives is told when it goes (`leave`). So
/// a crash of the hub never cuts a session short.
package struct SessionStore: Sendable {
    /// protocol.md §4.
    package static let sessionsPerUserMax = 100
    package static let absenceSecondsMax: Int64 = 30 * 86_400

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// The session of this user and client id, if there is one that has not expired; marks it as connected.
    package func load(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> StoredSession? {
        let rows = try await database.query(
            """
            WITH session AS (
                UPDATE mqtt_sessions SET expires_at = now() + $3 * interval '1 second', absent_since = NULL
                WHERE user_id = $1 AND client_id = $2 AND expires_at > now()
                RETURNING id, cursors, outbound, inbound, packets)
            SELECT session.id, session.cursors, session.outbound, session.inbound, session.packets,
                s.filter, s.options, s.identifier, t.id, t.last_seq, f.consumed_seq, f.consumed_above, s.log_seq
            FROM session
            LEFT JOIN mqtt_subscriptions s ON s.session_id = session.id
            LEFT JOIN filter_logs f ON sha256(f.filter) = sha256(s.filter) AND s.options & 3 > 0
            LEFT JOIN topics t ON t.id = f.topic_id
            ORDER BY s.filter
            """, [.int(user), .bytes(clientID), .int(Self.absenceSecondsMax)])
        guard rows.count > 0 else { return nil }
        let state = SessionStateCodec.decode(
            cursors: rows.bytes(0, 1), outbound: rows.bytes(0, 2), inbound: rows.bytes(0, 3),
            packets: rows.bytes(0, 4))
        guard let state else {
            throw .refused(
                code: "XX001", constraint: "", message: "the state of session \(rows.int(0, 0)) is damaged")
        }
        var session = StoredSession(id: rows.int(0, 0), state: state)
        for row in 0..<rows.count where !rows.isNull(row, 5) {
            session.subscriptions.append(try subscription(rows, row))
        }
        return session
    }

    private func subscription(_ rows: Rows, _ row: Int) throws(DatabaseError) -> StoredSubscription {
        var subscription = StoredSubscription(
            filter: rows.bytes(row, 5), options: UInt8(truncatingIfNeeded: rows.int(row, 6)),
            identifier: UInt32(truncatingIfNeeded: rows.int(row, 7)))
        if !rows.isNull(row, 8) {
            let log = FilterLog(
                topicID: rows.int(row, 8), filter: subscription.filter, lastSeq: rows.int(row, 9))
            subscription.log = try log.with(rows, row, 10)
            if !rows.isNull(row, 12) { subscription.logSeq = rows.int(row, 12) }
        }
        return subscription
    }

    /// Makes an empty session in place of any that this user has under the client id. Above 100 sessions the longest absent go: returns
    /// the ids of those.
    package func create(id: Int64, user: Int64, clientID: [UInt8]) async throws -> [Int64] {
        try await database.transaction { transaction in
            // One at a time per user, or two at once could both find room for one.
            _ = try await transaction.query(
                "SELECT pg_advisory_xact_lock(hashtextextended('mqtt_sessions', $1))", [.int(user)])
            _ = try await transaction.query(
                "DELETE FROM mqtt_sessions WHERE user_id = $1 AND client_id = $2", [.int(user), .bytes(clientID)])
            let gone = try await transaction.query(
                """
                DELETE FROM mqtt_sessions WHERE id IN (
                    SELECT id FROM mqtt_sessions WHERE user_id = $1
                    ORDER BY absent_since DESC NULLS FIRST, expires_at DESC, id DESC OFFSET $2)
                RETURNING id
                """, [.int(user), .int(Int64(Self.sessionsPerUserMax - 1))])
            _ = try await transaction.query(
                """
                INSERT INTO mqtt_sessions (id, user_id, client_id, expires_at)
                VALUES ($1, $2, $3, now() + $4 * interval '1 second')
                """, [.int(id), .int(user), .bytes(clientID), .int(Self.absenceSecondsMax)])
            return (0..<gone.count).map { gone.int($0, 0) }
        }
    }

    /// Adds subscriptions, or changes those with the same filter.
    package func save(_ subscriptions: [StoredSubscription], of session: Int64) async throws(DatabaseError) {
        guard !subscriptions.isEmpty else { return }
        // A SUBSCRIBE may name a filter twice: the last counts, and a statement must not touch a row twice.
        var last: [[UInt8]: StoredSubscription] = [:]
        for subscription in subscriptions { last[subscription.filter] = subscription }
        let rows = Array(last.values)
        _ = try await database.query(
            """
            INSERT INTO mqtt_subscriptions AS s (session_id, filter, options, identifier, log_seq)
            SELECT $1, u.filter, u.options, u.identifier, nullif(u.log_seq, -1)
            FROM unnest($2, $3, $4, $5) AS u(filter, options, identifier, log_seq)
            ON CONFLICT (session_id, sha256(filter))
            DO UPDATE SET options = excluded.options, identifier = excluded.identifier,
                log_seq = CASE WHEN s.options & 3 > 0 THEN coalesce(s.log_seq, excluded.log_seq) ELSE excluded.log_seq END
            """,
            [
                .int(session), .blobs(rows.map(\.filter)), .ints(rows.map { Int64($0.options) }),
                .ints(rows.map { Int64($0.identifier) }), .ints(rows.map { $0.logSeq ?? -1 }),
            ])
    }

    package func deleteSubscriptions(_ filters: [[UInt8]], of session: Int64) async throws(DatabaseError) {
        _ = try await database.query(
            "DELETE FROM mqtt_subscriptions WHERE session_id = $1 AND filter = ANY($2)",
            [.int(session), .blobs(filters)])
    }

    /// Writes the states of many sessions in one statement; those of sessions that are gone go nowhere.
    package func save(_ sessions: [(id: Int64, state: SessionState)]) async throws(DatabaseError) {
        guard !sessions.isEmpty else { return }
        // Ascending, so that two hubs lock rows in one order.
        let sorted = sessions.sorted { $0.id < $1.id }
        _ = try await database.query(
            """
            UPDATE mqtt_sessions s SET cursors = u.cursors, outbound = u.outbound, inbound = u.inbound, packets = u.packets,
                holds_shared = u.holds_shared > 0
            FROM unnest($1, $2, $3, $4, $5, $6) AS u(id, cursors, outbound, inbound, packets, holds_shared)
            WHERE s.id = u.id
            """,
            [
                .ints(sorted.map(\.id)), .blobs(sorted.map { CursorCodec.encode($0.state.cursors) }),
                .blobs(sorted.map { SessionStateCodec.encodeOutbound($0.state) }),
                .blobs(sorted.map { SessionStateCodec.encodeInbound($0.state) }),
                .blobs(sorted.map { SessionStateCodec.encodePackets($0.state) }),
                .ints(sorted.map { $0.state.holdsShared ? 1 : 0 }),
            ])
    }

    /// The session's connection has ended; it expires after so many seconds (at most 30 days).
    package func leave(_ session: Int64, expirySeconds: Int64) async throws(DatabaseError) {
        _ = try await database.query(
            """
            UPDATE mqtt_sessions SET expires_at = now() + $2 * interval '1 second', absent_since = now() WHERE id = $1
            """, [.int(session), .int(min(max(0, expirySeconds), Self.absenceSecondsMax))])
    }

    /// Moves the expiry of connected sessions on; to be called for all of them every few days.
    package func keep(_ sessions: [Int64]) async throws(DatabaseError) {
        _ = try await database.query(
            "UPDATE mqtt_sessions SET expires_at = now() + $2 * interval '1 second' WHERE id = ANY($1)",
            [.ints(sessions), .int(Self.absenceSecondsMax)])
    }

    package func delete(_ session: Int64) async throws(DatabaseError) {
        _ = try await database.query("DELETE FROM mqtt_sessions WHERE id = $1", [.int(session)])
    }

    package func exist(ofUser user: Int64) async throws(DatabaseError) -> Bool {
        try await database.query("SELECT 1 FROM mqtt_sessions WHERE user_id = $1 LIMIT 1", [.int(user)]).count > 0
    }

    /// Sessions that have no connection now.
    package func countAbsent() async throws(DatabaseError) -> Int {
        let rows = try await database.query(
            "SELECT count(*) FROM mqtt_sessions WHERE absent_since IS NOT NULL AND expires_at > now()")
        return Int(rows.int(0, 0))
    }

    /// Discards the session under this key, if there is one.
    package func discard(user: Int64, clientID: [UInt8]) async throws(DatabaseError) {
        _ = try await database.query(
            "DELETE FROM mqtt_sessions WHERE user_id = $1 AND client_id = $2", [.int(user), .bytes(clientID)])
    }

    /// Deletes the session under this key.
    /// - Returns: whether there was one that had not expired.
    package func forget(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> Bool {
        try await database.query(
            """
            WITH gone AS (DELETE FROM mqtt_sessions WHERE user_id = $1 AND client_id = $2 RETURNING expires_at > now() AS lived)
            SELECT 1 FROM gone WHERE lived
            """, [.int(user), .bytes(clientID)]
        ).count > 0
    }

    /// Deletes what has expired; returns how many.
    package func purgeExpired() async throws(DatabaseError) -> Int {
        try await database.query("DELETE FROM mqtt_sessions WHERE expires_at <= now()").affected
    }
}
