/// A persistent MQTT session as its user sees it.
package struct StoredDevice: Sendable, Equatable {
    package var clientID: [UInt8]
    /// Times are Unix milliseconds.
    package var createdAt: Int64
    /// When its last connection ended; of one that has a connection, or had it when the hub crashed, when it was last known to.
    package var lastSeenAt: Int64
    /// If it stays absent.
    package var expiresAt: Int64
    package var subscriptionsCount: Int64
}

/// Which persistent sessions users have; at most 100 each (`SessionStore`).
package struct DeviceStore: Sendable {
    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// In no order.
    package func devices(of user: Int64) async throws(DatabaseError) -> [StoredDevice] {
        let rows = try await database.query(
            """
            SELECT s.id, s.client_id, coalesce(s.absent_since, s.expires_at - $2 * interval '1 second'), s.expires_at,
                (SELECT count(*) FROM mqtt_subscriptions f WHERE f.session_id = s.id)
            FROM mqtt_sessions s WHERE s.user_id = $1 AND s.expires_at > now()
            """, [.int(user), .int(SessionStore.absenceSecondsMax)])
        return (0..<rows.count).map { row in
            StoredDevice(
                clientID: rows.bytes(row, 1), createdAt: IDGenerator.milliseconds(of: rows.int(row, 0)),
                lastSeenAt: rows.unixMilliseconds(row, 2), expiresAt: rows.unixMilliseconds(row, 3),
                subscriptionsCount: rows.int(row, 4))
        }
    }
}
