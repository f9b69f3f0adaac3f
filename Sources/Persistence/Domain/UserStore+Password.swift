extension UserStore {
    /// What the own password is checked against; nil for accounts that are closed or have none.
    package func passwordHash(of userID: Int64) async throws(DatabaseError) -> String? {
        let rows = try await context.database.query(
            "SELECT password_hash FROM users WHERE id = $1 AND disabled_at IS NULL AND password_hash IS NOT NULL",
            [.int(userID)])
        return rows.count == 0 ? nil : rows.text(0, 0)
    }

    /// Sets a new password; the user's other sessions end, and codes to reset it are void.
    /// - Parameters:
    ///   - old: the hash that the current password was checked against.
    ///   - sessionID: the session that goes on.
    /// - Returns: false if the password was changed meanwhile.
    package func changePassword(
        of userID: Int64, from old: String, to new: String, keeping sessionID: Int64?
    ) async throws(DatabaseError) -> Bool {
        try await LoginSessionStore.endingOthers(context, of: userID, but: sessionID) { transaction in
            let rows = try await transaction.query(
                "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL",
                [.int(userID), .text(old), .text(new)])
            guard rows.affected == 1 else { return false }
            try await MailedCodeStore.remove(.resetPassword, of: userID, in: transaction)
            return true
        }
    }
}

/// Where a user's log-ins come from (security.md "Log-in").
extension UserStore {
    static let networkKnownMilliseconds: Int64 = 30 * 86_400_000

    /// Whether the user of this name or e-mail address has logged in from there within 30 days.
    package func knows(network: String, username: String?, email: String?) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            """
            SELECT 1 FROM known_networks k JOIN users u ON u.id = k.user_id
            WHERE (u.username = $1 OR u.email = $2) AND k.network = $3 AND k.last_at > $4
            """,
            [
                username.map { .text($0) } ?? .null, email.map { .text($0) } ?? .null, .text(network),
                .int(context.now() - Self.networkKnownMilliseconds),
            ])
        return rows.count > 0
    }

    package func noteLogin(of userID: Int64, from network: String) async throws(DatabaseError) {
        _ = try await context.database.query(
            """
            INSERT INTO known_networks (user_id, network, last_at) VALUES ($1, $2, $3)
            ON CONFLICT (user_id, network) DO UPDATE SET last_at = excluded.last_at
            """, [.int(userID), .text(network), .int(context.now())])
    }

    /// - Returns: how many that are known no longer are removed.
    package func purgeNetworks() async throws(DatabaseError) -> Int {
        try await context.database.query(
            "DELETE FROM known_networks WHERE last_at <= $1",
            [.int(context.now() - Self.networkKnownMilliseconds)]
        ).affected
    }
}
