/// Codes that prove who reads an e-mail address.
package struct MailedCodeStore: Sendable {
    /// The raw value is stored.
    package enum Purpose: Int16, Sendable, CaseIterable {
        case verifyAddress = 1
        case resetPassword

        package var lifetimeMilliseconds: Int64 {
            switch self {
            case .verifyAddress: 86_400_000
            case .resetPassword: 30 * 60_000
            }
        }
    }

    /// A code and the message that brings it.
    package struct Letter: Sendable {
        package var purpose: Purpose
        /// SHA-256 of the code.
        package var hash: [UInt8]
        package var recipient: String
        /// Sealed.
        package var message: [UInt8]

        package init(purpose: Purpose, hash: [UInt8], recipient: String, message: [UInt8]) {
            self.purpose = purpose
            self.hash = hash
            self.recipient = recipient
            self.message = message
        }
    }

    /// So long a user gets no further code for the same purpose: nobody's mailbox is to be filled by others.
    static let pauseMilliseconds: Int64 = 60_000

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// The account of an e-mail address, in lower case, that has a password to be reset.
    package func user(withEmail email: String) async throws(DatabaseError) -> Int64? {
        let rows = try await context.database.query(
            "SELECT id FROM users WHERE email = $1 AND disabled_at IS NULL AND password_hash IS NOT NULL",
            [.text(email)])
        return rows.count == 0 ? nil : rows.int(0, 0)
    }

    /// Puts the letter into the outbox; its code takes the place of an earlier one.
    /// - Returns: false if one was sent a moment ago.
    package func send(_ letter: Letter, to userID: Int64) async throws(DatabaseError) -> Bool {
        let context = context
        return try await context.change { transaction in
            Change(result: try await Self.send(letter, to: userID, context, in: transaction))
        }
    }

    static func send(
        _ letter: Letter, to userID: Int64, _ context: DomainContext, in transaction: Transaction
    ) async throws(DatabaseError) -> Bool {
        let now = context.now(), expiresAt = now + letter.purpose.lifetimeMilliseconds
        let rows = try await transaction.query(
            """
            INSERT INTO mailed_codes (user_id, purpose, hash, email, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (user_id, purpose) DO UPDATE SET hash = excluded.hash, email = excluded.email,
                created_at = excluded.created_at, expires_at = excluded.expires_at
                WHERE mailed_codes.created_at <= $7
            """,
            [
                .int(userID), .int(Int64(letter.purpose.rawValue)), .bytes(letter.hash), .text(letter.recipient),
                .int(now), .int(expiresAt), .int(now - pauseMilliseconds),
            ])
        guard rows.affected == 1 else { return false }
        _ = try await transaction.query(
            "INSERT INTO mail_outbox (id, recipient, message, next_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
            [
                .int(context.ids.next()), .text(letter.recipient), .bytes(letter.message), .int(now),
                .int(expiresAt),
            ])
        return true
    }

    /// The address that the code was sent to is its reader's.
    /// - Returns: false if the code is not, or no longer, good.
    package func verifyAddress(_ hash: [UInt8]) async throws(DatabaseError) -> Bool {
        let context = context
        return try await context.change { transaction in
            guard let userID = try await Self.use(hash, for: .verifyAddress, context, in: transaction) else {
                return Change(result: false)
            }
            _ = try await transaction.query("UPDATE users SET email_verified = true WHERE id = $1", [.int(userID)])
            return Change(result: true)
        }
    }

    /// Sets a new password; all sessions of the user end. The code has come by mail, so the address is verified too.
    /// - Returns: false if the code is not, or no longer, good.
    package func resetPassword(_ hash: [UInt8], to passwordHash: String) async throws(DatabaseError) -> Bool {
        let context = context
        let ended: [Int64]? = try await context.change { transaction in
            guard let userID = try await Self.use(hash, for: .resetPassword, context, in: transaction) else {
                return Change(result: nil)
            }
            _ = try await transaction.query(
                "UPDATE users SET password_hash = $2, email_verified = true WHERE id = $1",
                [.int(userID), .text(passwordHash)])
            let ended = try await LoginSessionStore.endAll(
                of: userID, but: nil, now: context.now(), in: transaction)
            return Change(result: ended)
        }
        for session in ended ?? [] { context.revocations.sessionRevoked(session) }
        return ended != nil
    }

    /// Whether the code would be good now: asked before a password is hashed for it.
    package func isGood(_ hash: [UInt8], for purpose: Purpose) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            "SELECT 1 FROM mailed_codes WHERE hash = $1 AND purpose = $2 AND expires_at > $3",
            [.bytes(hash), .int(Int64(purpose.rawValue)), .int(context.now())])
        return rows.count == 1
    }

    /// Uses the code up.
    /// - Returns: whose it was, if that account still has the address.
    private static func use(
        _ hash: [UInt8], for purpose: Purpose, _ context: DomainContext, in transaction: Transaction
    ) async throws(DatabaseError) -> Int64? {
        let rows = try await transaction.query(
            """
            DELETE FROM mailed_codes c USING users u
            WHERE c.hash = $1 AND c.purpose = $2 AND c.expires_at > $3
                AND u.id = c.user_id AND u.email = c.email AND u.disabled_at IS NULL
            RETURNING c.user_id
            """, [.bytes(hash), .int(Int64(purpose.rawValue)), .int(context.now())])
        return rows.count == 0 ? nil : rows.int(0, 0)
    }

    static func remove(
        _ purpose: Purpose, of userID: Int64, in transaction: Transaction
    ) async throws(DatabaseError) {
        _ = try await transaction.query(
            "DELETE FROM mailed_codes WHERE user_id = $1 AND purpose = $2",
            [.int(userID), .int(Int64(purpose.rawValue))])
    }

    /// - Returns: how many that have expired are removed.
    package func purgeExpired() async throws(DatabaseError) -> Int {
        try await context.database.query(
            "DELETE FROM mailed_codes WHERE expires_at <= $1", [.int(context.now())]
        ).affected
    }
}
