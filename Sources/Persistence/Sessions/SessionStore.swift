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
/// a crash of the hub never cuts a session short. What each client needs when it comes and goes is asked in batches.
///
/// Statements for many keep to the indexes whatever the planner believes of the tables, which are empty at first: subqueries with OFFSET 0 are
/// planned by themselves, and `= ANY` bounds what is joined.
package struct SessionStore: Sendable {
    /// protocol.md §4.
    package static let sessionsPerUserMax = 100
    package static let absenceSecondsMax: Int64 = 30 * 86_400

    private struct Key: Hashable, Sendable {
        var user: Int64
        var clientID: [UInt8]
    }

    private static let batchMax = 256

    let database: Database
    private let loads: Batcher<Key, StoredSession?>
    private let creations: Batcher<(id: Int64, key: Key), [Int64]?>
    private let discards: Batcher<Key, Void>
    let subscriptionSaves: Batcher<(session: Int64, subscriptions: [StoredSubscription]), Void>
    private let departures: Batcher<(session: Int64, expirySeconds: Int64), Void>
    private let deletions: Batcher<Int64, Void>

    package init(_ database: Database) {
        self.database = database
        loads = Batcher(batchMax: Self.batchMax) { try await Self.load($0, database) }
        creations = Batcher(batchMax: Self.batchMax) { try await Self.create($0, database) }
        discards = Batcher(batchMax: Self.batchMax) { try await Self.discard($0, database) }
        subscriptionSaves = Batcher(batchMax: Self.batchMax) { try await Self.save($0, database) }
        departures = Batcher(batchMax: Self.batchMax) { try await Self.leave($0, database) }
        deletions = Batcher(batchMax: Self.batchMax) { try await Self.delete($0, database) }
    }

    // MARK: Coming

    /// The session of this user and client id, if there is one that has not expired; marks it as connected.
    package func load(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> StoredSession? {
        try await loads.ask(Key(user: user, clientID: clientID))
    }

    private static func load(_ keys: [Key], _ database: Database) async throws -> [StoredSession?] {
        let rows = try await database.query(
            """
            WITH session AS (
                UPDATE mqtt_sessions SET expires_at = now() + $3 * interval '1 second', absent_since = NULL
                WHERE id = ANY(ARRAY(
                    SELECT m.id FROM unnest($1, $2) AS k(user_id, client_id) CROSS JOIN LATERAL (
                        SELECT id FROM mqtt_sessions WHERE user_id = k.user_id AND client_id = k.client_id OFFSET 0) m))
                    AND expires_at > now()
                RETURNING id, user_id, client_id, cursors, outbound, inbound, packets)
            SELECT session.id, session.user_id, session.client_id, session.cursors, session.outbound, session.inbound,
                session.packets, s.filter, s.options, s.identifier, t.id, t.last_seq, f.consumed_seq, f.consumed_above, s.log_seq
            FROM session
            LEFT JOIN LATERAL (SELECT * FROM mqtt_subscriptions WHERE session_id = session.id OFFSET 0) s ON true
            LEFT JOIN LATERAL (SELECT * FROM filter_logs WHERE sha256(filter) = sha256(s.filter) OFFSET 0) f ON s.options & 3 > 0
            LEFT JOIN LATERAL (SELECT id, last_seq FROM topics WHERE id = f.topic_id OFFSET 0) t ON true
            ORDER BY session.id, s.filter
            """, [.ints(keys.map(\.user)), .blobs(keys.map(\.clientID)), .int(absenceSecondsMax)])
        var found: [Key: StoredSession] = [:]
        var first = 0
        while first < rows.count {
            let end = (first..<rows.count).first { rows.int($0, 0) != rows.int(first, 0) } ?? rows.count
            found[Key(user: rows.int(first, 1), clientID: rows.bytes(first, 2))] = try session(rows, first..<end)
            first = end
        }
        return keys.map { found[$0] }
    }

    /// - Parameter range: its rows, one for each subscription.
    private static func session(_ rows: Rows, _ range: Range<Int>) throws(DatabaseError) -> StoredSession {
        let first = range.lowerBound
        let state = SessionStateCodec.decode(
            cursors: rows.bytes(first, 3), outbound: rows.bytes(first, 4), inbound: rows.bytes(first, 5),
            packets: rows.bytes(first, 6))
        guard let state else {
            throw .refused(
                code: "XX001", constraint: "", message: "the state of session \(rows.int(first, 0)) is damaged")
        }
        var session = StoredSession(id: rows.int(first, 0), state: state)
        for row in range where !rows.isNull(row, 7) { session.subscriptions.append(try subscription(rows, row)) }
        return session
    }

    private static func subscription(_ rows: Rows, _ row: Int) throws(DatabaseError) -> StoredSubscription {
        var subscription = StoredSubscription(
            filter: rows.bytes(row, 7), options: UInt8(truncatingIfNeeded: rows.int(row, 8)),
            identifier: UInt32(truncatingIfNeeded: rows.int(row, 9)))
        if !rows.isNull(row, 10) {
            let log = FilterLog(
                topicID: rows.int(row, 10), filter: subscription.filter, lastSeq: rows.int(row, 11))
            subscription.log = try log.with(rows, row, 12)
            if !rows.isNull(row, 14) { subscription.logSeq = rows.int(row, 14) }
        }
        return subscription
    }

    /// Makes an empty session in place of any that this user has under the client id. Above 100 sessions the longest absent go.
    /// - Returns: the ids of those; nil: there is no room, since 100 are connected.
    package func create(id: Int64, user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> [Int64]? {
        try await creations.ask((id, Key(user: user, clientID: clientID)))
    }

    private static func create(_ sessions: [(id: Int64, key: Key)], _ database: Database) async throws -> [[Int64]?] {
        var counts: [Int64: Int64] = [:]
        let places = sessions.map { session in
            counts[session.key.user, default: 0] += 1
            return counts[session.key.user, default: 0]
        }
        let users = counts.keys.sorted()
        let (made, gone) = try await database.transaction { [counts] transaction in
            let owners = Parameter.ints(sessions.map(\.key.user)), names = Parameter.blobs(sessions.map(\.key.clientID))
            // One at a time per user, or two at once could both find room for one.
            _ = try await transaction.query(
                "SELECT pg_advisory_xact_lock(hashtextextended('mqtt_sessions', u)) FROM unnest($1) AS u",
                [.ints(users)])
            _ = try await transaction.query(Self.deletingKeys, [owners, names])
            let gone = try await transaction.query(
                """
                DELETE FROM mqtt_sessions WHERE id = ANY(ARRAY(
                    SELECT old.id FROM unnest($1, $2) AS u(id, more) CROSS JOIN LATERAL (
                        SELECT id FROM mqtt_sessions WHERE user_id = u.id AND absent_since IS NOT NULL
                        ORDER BY absent_since, expires_at, id
                        LIMIT greatest(0, u.more - $3 + (SELECT count(*) FROM mqtt_sessions WHERE user_id = u.id))) old))
                RETURNING id, user_id
                """,
                [.ints(users), .ints(users.map { counts[$0, default: 0] }), .int(Int64(sessionsPerUserMax))])
            let made = try await transaction.query(
                """
                INSERT INTO mqtt_sessions (id, user_id, client_id, expires_at)
                SELECT k.id, k.user_id, k.client_id, now() + $5 * interval '1 second'
                FROM unnest($1, $2, $3, $4) AS k(id, user_id, client_id, place)
                WHERE k.place <= $6 - (SELECT count(*) FROM mqtt_sessions WHERE user_id = k.user_id)
                RETURNING id
                """,
                [
                    .ints(sessions.map(\.id)), owners, names, .ints(places), .int(absenceSecondsMax),
                    .int(Int64(sessionsPerUserMax)),
                ])
            return (
                made: Set((0..<made.count).map { made.int($0, 0) }),
                gone: (0..<gone.count).map { (user: gone.int($0, 1), id: gone.int($0, 0)) }
            )
        }
        return sessions.map { session in
            made.contains(session.id) ? gone.filter { $0.user == session.key.user }.map(\.id) : nil
        }
    }

    private static let deletingKeys: StaticString = """
        DELETE FROM mqtt_sessions WHERE id = ANY(ARRAY(
            SELECT m.id FROM unnest($1, $2) AS k(user_id, client_id) CROSS JOIN LATERAL (
                SELECT id FROM mqtt_sessions WHERE user_id = k.user_id AND client_id = k.client_id OFFSET 0) m))
        """

    // MARK: Connected

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
            WHERE s.id = u.id AND s.id = ANY($1)
            """,
            [
                .ints(sorted.map(\.id)), .blobs(sorted.map { CursorCodec.encode($0.state.cursors) }),
                .blobs(sorted.map { SessionStateCodec.encodeOutbound($0.state) }),
                .blobs(sorted.map { SessionStateCodec.encodeInbound($0.state) }),
                .blobs(sorted.map { SessionStateCodec.encodePackets($0.state) }),
                .ints(sorted.map { $0.state.holdsShared ? 1 : 0 }),
            ])
    }

    /// Moves the expiry of connected sessions on; to be called for all of them every few days.
    package func keep(_ sessions: [Int64]) async throws(DatabaseError) {
        _ = try await database.query(
            "UPDATE mqtt_sessions SET expires_at = now() + $2 * interval '1 second' WHERE id = ANY($1)",
            [.ints(sessions), .int(Self.absenceSecondsMax)])
    }

    // MARK: Going

    /// The session's connection has ended; it expires after so many seconds (at most 30 days).
    package func leave(_ session: Int64, expirySeconds: Int64) async throws(DatabaseError) {
        try await departures.ask((session, min(max(0, expirySeconds), Self.absenceSecondsMax)))
    }

    private static func leave(
        _ departures: [(session: Int64, expirySeconds: Int64)], _ database: Database
    ) async throws -> [Void] {
        let sorted = departures.sorted { $0.session < $1.session }
        _ = try await database.query(
            """
            UPDATE mqtt_sessions s SET expires_at = now() + u.seconds * interval '1 second', absent_since = now()
            FROM unnest($1, $2) AS u(id, seconds) WHERE s.id = u.id AND s.id = ANY($1)
            """, [.ints(sorted.map(\.session)), .ints(sorted.map(\.expirySeconds))])
        return departures.map { _ in }
    }

    package func delete(_ session: Int64) async throws(DatabaseError) { try await deletions.ask(session) }

    private static func delete(_ sessions: [Int64], _ database: Database) async throws -> [Void] {
        _ = try await database.query("DELETE FROM mqtt_sessions WHERE id = ANY($1)", [.ints(sessions)])
        return sessions.map { _ in }
    }

    /// Discards the session under this key, if there is one.
    package func discard(user: Int64, clientID: [UInt8]) async throws(DatabaseError) {
        try await discards.ask(Key(user: user, clientID: clientID))
    }

    private static func discard(_ keys: [Key], _ database: Database) async throws -> [Void] {
        _ = try await database.query(
            deletingKeys, [.ints(keys.map(\.user)), .blobs(keys.map(\.clientID))])
        return keys.map { _ in }
    }

    // MARK: Upkeep

    /// The user's sessions but those with these client ids are not connected, whatever their rows say.
    /// - Returns: whether there were such.
    package func markAbsent(ofUser user: Int64, but connected: [[UInt8]]) async throws(DatabaseError) -> Bool {
        try await database.query(
            "UPDATE mqtt_sessions SET absent_since = now() WHERE user_id = $1 AND absent_since IS NULL AND client_id <> ALL($2)",
            [.int(user), .blobs(connected)]
        ).affected > 0
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
