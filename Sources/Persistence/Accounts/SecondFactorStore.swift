/// Authenticators and recovery codes. What is secret comes sealed or hashed; whether a code is right is decided by whoever holds the key.
package struct SecondFactorStore: Sendable {
    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// An authenticator.
    package struct Factor: Sendable, Equatable {
        /// Sealed.
        package var secret: [UInt8]
        /// It counts: log-ins need its codes.
        package var isConfirmed: Bool
        /// The last step whose code was accepted.
        package var lastStep: Int64
    }

    package func factor(of userID: Int64) async throws(DatabaseError) -> Factor? {
        let rows = try await context.database.query(
            "SELECT secret, confirmed_at IS NOT NULL, last_step FROM totp_factors WHERE user_id = $1", [.int(userID)])
        guard rows.count == 1 else { return nil }
        return Factor(secret: rows.bytes(0, 0), isConfirmed: rows.bool(0, 1), lastStep: rows.int(0, 2))
    }

    /// Keeps a new secret, in place of one that was never confirmed.
    /// - Returns: false if there is a confirmed one.
    package func propose(_ secret: [UInt8], for userID: Int64) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            """
            INSERT INTO totp_factors (user_id, secret) VALUES ($1, $2)
            ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0
                WHERE totp_factors.confirmed_at IS NULL
            """, [.int(userID), .bytes(secret)])
        return rows.affected == 1
    }

    /// From now on the factor counts, with these recovery codes; the user's other sessions end.
    /// - Parameters:
    ///   - secret: the one whose code was shown; another may have taken its place meanwhile.
    ///   - step: of that code.
    ///   - sessionID: the session that goes on.
    /// - Returns: false if it is no longer to be confirmed.
    package func confirm(
        _ secret: [UInt8], step: Int64, recoveryHashes: [[UInt8]], of userID: Int64, keeping sessionID: Int64?
    ) async throws(DatabaseError) -> Bool {
        let context = context
        return try await LoginSessionStore.endingOthers(context, of: userID, but: sessionID) { transaction in
            let rows = try await transaction.query(
                """
                UPDATE totp_factors SET confirmed_at = $3, last_step = $4
                WHERE user_id = $1 AND secret = $2 AND confirmed_at IS NULL
                """, [.int(userID), .bytes(secret), .int(context.now()), .int(step)])
            guard rows.affected == 1 else { return false }
            try await Self.replaceCodes(recoveryHashes, of: userID, in: transaction)
            return true
        }
    }

    /// Takes a step's code, if that step is later than all that were taken.
    /// - Returns: false if it was not: somebody has used this code, or a later one.
    package func accept(step: Int64, of userID: Int64) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            """
            UPDATE totp_factors SET last_step = $2
            WHERE user_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2
            """, [.int(userID), .int(step)])
        return rows.affected == 1
    }

    /// Uses up a recovery code.
    /// - Returns: false if there is no such one.
    package func useRecoveryCode(_ hash: [UInt8], of userID: Int64) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2", [.int(userID), .bytes(hash)])
        return rows.affected == 1
    }

    /// Removes the factor and its codes; the user's other sessions end.
    package func disable(_ userID: Int64, keeping sessionID: Int64?) async throws(DatabaseError) {
        _ = try await LoginSessionStore.endingOthers(context, of: userID, but: sessionID) { transaction in
            try await Self.remove(of: userID, in: transaction)
            return true
        }
    }

    static func remove(of userID: Int64, in transaction: Transaction) async throws(DatabaseError) {
        _ = try await transaction.query("DELETE FROM totp_factors WHERE user_id = $1", [.int(userID)])
        _ = try await transaction.query("DELETE FROM recovery_codes WHERE user_id = $1", [.int(userID)])
    }

    /// New recovery codes in place of the old ones; the user's other sessions end.
    package func renewCodes(
        _ hashes: [[UInt8]], of userID: Int64, keeping sessionID: Int64?
    ) async throws(DatabaseError) {
        _ = try await LoginSessionStore.endingOthers(context, of: userID, but: sessionID) { transaction in
            try await Self.replaceCodes(hashes, of: userID, in: transaction)
            return true
        }
    }

    private static func replaceCodes(
        _ hashes: [[UInt8]], of userID: Int64, in transaction: Transaction
    ) async throws(DatabaseError) {
        // The user's row is the lock: of two that renew at once one comes after the other.
        _ = try await transaction.query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE", [.int(userID)])
        _ = try await transaction.query("DELETE FROM recovery_codes WHERE user_id = $1", [.int(userID)])
        _ = try await transaction.query(
            "INSERT INTO recovery_codes (user_id, hash) SELECT $1, u.hash FROM unnest($2::bytea[]) u(hash)",
            [.int(userID), .blobs(hashes)])
    }
}
