/// Mails that are to be sent: written with what they are about, taken by one task, gone when the mail command has them.
package struct MailOutbox: Sendable {
    package struct Mail: Sendable, Equatable {
        package var id: Int64
        package var recipient: String
        /// Sealed.
        package var message: [UInt8]
        /// Earlier ones, which failed.
        package var attempts: Int64
    }

    /// The pause after the first failure; doubles up to the maximum.
    static let retryMillisecondsMin: Int64 = 5_000
    static let retryMillisecondsMax: Int64 = 15 * 60_000
    /// So long a mail that was taken is nobody else's: longer than the mail command may run.
    static let leaseMilliseconds: Int64 = 120_000

    private let database: Database
    private let now: @Sendable () -> Int64

    package init(context: DomainContext) {
        database = context.database
        now = context.now
    }

    /// The next mail that is due; comes again if neither `sent` nor `failed` follows.
    package func take() async throws(DatabaseError) -> Mail? {
        let now = now()
        let rows = try await database.query(
            """
            UPDATE mail_outbox SET next_at = $1 + $2 WHERE id = (
                SELECT id FROM mail_outbox WHERE next_at <= $1 AND expires_at > $1
                ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id, recipient, message, attempts
            """, [.int(now), .int(Self.leaseMilliseconds)])
        guard rows.count == 1 else { return nil }
        return Mail(
            id: rows.int(0, 0), recipient: rows.text(0, 1), message: rows.bytes(0, 2), attempts: rows.int(0, 3))
    }

    package func sent(_ mail: Mail) async throws(DatabaseError) {
        _ = try await database.query("DELETE FROM mail_outbox WHERE id = $1", [.int(mail.id)])
    }

    package func failed(_ mail: Mail) async throws(DatabaseError) {
        _ = try await database.query(
            "UPDATE mail_outbox SET attempts = attempts + 1, next_at = $2 WHERE id = $1",
            [.int(mail.id), .int(now() + Self.pauseMilliseconds(afterFailure: mail.attempts + 1))])
    }

    /// - Parameter count: 1 for the first failure.
    static func pauseMilliseconds(afterFailure count: Int64) -> Int64 {
        min(retryMillisecondsMax, retryMillisecondsMin << min(count - 1, 20))
    }

    /// Removes what nobody can use any more.
    /// - Returns: how many.
    package func purgeExpired() async throws(DatabaseError) -> Int {
        try await database.query("DELETE FROM mail_outbox WHERE expires_at <= $1", [.int(now())]).affected
    }
}
