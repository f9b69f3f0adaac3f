extension SessionStore {
    /// Adds subscriptions, or changes those with the same filter; those of a session that is gone go nowhere.
    package func save(_ subscriptions: [StoredSubscription], of session: Int64) async throws(DatabaseError) {
        guard !subscriptions.isEmpty else { return }
        try await subscriptionSaves.ask((session, subscriptions))
    }

    static func save(
        _ saves: [(session: Int64, subscriptions: [StoredSubscription])], _ database: Database
    ) async throws -> [Void] {
        struct Place: Hashable {
            var session: Int64
            var filter: [UInt8]
        }
        // A SUBSCRIBE may name a filter twice: the last counts, and a statement must not touch a row twice.
        var last: [Place: StoredSubscription] = [:]
        for save in saves {
            for subscription in save.subscriptions {
                last[Place(session: save.session, filter: subscription.filter)] = subscription
            }
        }
        let rows = last.sorted { $0.key.session < $1.key.session }
        _ = try await database.query(
            """
            INSERT INTO mqtt_subscriptions AS s (session_id, filter, options, identifier, log_seq)
            SELECT u.session_id, u.filter, u.options, u.identifier, nullif(u.log_seq, -1)
            FROM unnest($1, $2, $3, $4, $5) AS u(session_id, filter, options, identifier, log_seq)
            WHERE (SELECT true FROM mqtt_sessions WHERE id = u.session_id)
            ON CONFLICT (session_id, sha256(filter))
            DO UPDATE SET options = excluded.options, identifier = excluded.identifier,
                log_seq = CASE WHEN s.options & 3 > 0 THEN coalesce(s.log_seq, excluded.log_seq) ELSE excluded.log_seq END
            """,
            [
                .ints(rows.map(\.key.session)), .blobs(rows.map(\.key.filter)),
                .ints(rows.map { Int64($0.value.options) }), .ints(rows.map { Int64($0.value.identifier) }),
                .ints(rows.map { $0.value.logSeq ?? -1 }),
            ])
        return saves.map { _ in }
    }

    package func deleteSubscriptions(_ filters: [[UInt8]], of session: Int64) async throws(DatabaseError) {
        _ = try await database.query(
            "DELETE FROM mqtt_subscriptions WHERE session_id = $1 AND filter = ANY($2)",
            [.int(session), .blobs(filters)])
    }
}
