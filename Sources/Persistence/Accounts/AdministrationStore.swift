/// What administrators do with accounts, also from a process beside the hub: what ends there is noted for the hub, which closes the
/// connections within a second or two (`AccountStore.announceEnded`).
package struct AdministrationStore: Sendable {
    /// An account as its administrator sees it.
    package struct Account: Sendable, Equatable {
        package var id: Int64
        package var username: String
        package var displayName: String
        /// Nil: it has none.
        package var email: String?
        package var emailVerified: Bool
        package var isAdmin: Bool
        package var hasSecondFactor: Bool
        /// Live log-in sessions.
        package var sessions: Int64
        /// Unix milliseconds; nil: it may log in.
        package var disabledAt: Int64?
        package var isDeleted: Bool
        /// Whose bot it is; nil: a person's account.
        package var ownerID: Int64?

        init(_ rows: Rows, _ row: Int) {
            id = rows.int(row, 0)
            username = rows.text(row, 1)
            displayName = rows.text(row, 2)
            email = rows.isNull(row, 3) ? nil : rows.text(row, 3)
            emailVerified = rows.bool(row, 4)
            isAdmin = rows.bool(row, 5)
            hasSecondFactor = rows.bool(row, 6)
            sessions = rows.int(row, 7)
            disabledAt = rows.isNull(row, 8) ? nil : rows.int(row, 8)
            isDeleted = rows.bool(row, 9)
            ownerID = rows.isNull(row, 10) ? nil : rows.int(row, 10)
        }
    }

    private let database: Database
    private let now: @Sendable () -> Int64

    /// - Parameter now: Unix milliseconds.
    package init(database: Database, now: @escaping @Sendable () -> Int64) {
        self.database = database
        self.now = now
    }

    /// Accounts in the order of their making, after the one with that id.
    package func accounts(after id: Int64, limit: Int) async throws(DatabaseError) -> [Account] {
        let rows = try await database.query(
            """
            SELECT u.id, u.username, u.display_name, u.email, u.email_verified, u.is_admin,
                EXISTS (SELECT 1 FROM totp_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL),
                (SELECT count(*) FROM login_sessions s
                    WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > $3),
                u.disabled_at, u.deleted_at IS NOT NULL, u.owner_id
            FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2
            """, [.int(id), .int(Int64(limit)), .int(now())])
        return (0..<rows.count).map { Account(rows, $0) }
    }

    /// By id, user name or e-mail address.
    package func account(named name: String) async throws(DatabaseError) -> Account? {
        let lower = name.lowercased()
        let rows = try await database.query(
            "SELECT id FROM users WHERE username = $1 OR email = $1 OR id = $2 ORDER BY username = $1 DESC LIMIT 1",
            [.text(lower), Int64(name).map { .int($0) } ?? .null])
        guard rows.count == 1 else { return nil }
        return try await accounts(after: rows.int(0, 0) - 1, limit: 1).first
    }

    /// - Returns: false for a deleted account, and for a bot.
    package func setPassword(_ hash: String, of userID: Int64) async throws(DatabaseError) -> Bool {
        try await ending(userID) { transaction in
            let rows = try await transaction.query(
                "UPDATE users SET password_hash = $2 WHERE id = $1 AND deleted_at IS NULL AND owner_id IS NULL",
                [.int(userID), .text(hash)])
            guard rows.affected == 1 else { return false }
            try await MailedCodeStore.remove(.resetPassword, of: userID, in: transaction)
            return true
        }
    }

    /// Closes an account, or opens it again; its bots serve nobody as long as it is closed.
    /// - Returns: false for a deleted account.
    package func setEnabled(_ isEnabled: Bool, of userID: Int64) async throws(DatabaseError) -> Bool {
        guard isEnabled else {
            let time = now()
            return try await ending(userID) { transaction in
                let rows = try await transaction.query(
                    "UPDATE users SET disabled_at = coalesce(disabled_at, $2) WHERE id = $1 AND deleted_at IS NULL",
                    [.int(userID), .int(time)])
                _ = try await transaction.query(
                    "INSERT INTO ended_users SELECT id FROM users WHERE owner_id = $1 ON CONFLICT DO NOTHING",
                    [.int(userID)])
                return rows.affected == 1
            }
        }
        return try await database.query(
            "UPDATE users SET disabled_at = NULL WHERE id = $1 AND deleted_at IS NULL", [.int(userID)]
        ).affected == 1
    }

    /// Whose tokens have the scope `admin`. Who loses it loses the tokens that have it, hence the sessions; who gains it, with the next
    /// refresh.
    /// - Returns: false for a deleted account, and for a bot.
    package func setAdmin(_ isAdmin: Bool, of userID: Int64) async throws(DatabaseError) -> Bool {
        guard isAdmin else {
            return try await ending(userID) { transaction in
                try await transaction.query(
                    "UPDATE users SET is_admin = false WHERE id = $1 AND deleted_at IS NULL", [.int(userID)]
                ).affected == 1
            }
        }
        return try await database.query(
            "UPDATE users SET is_admin = true WHERE id = $1 AND deleted_at IS NULL AND owner_id IS NULL", [.int(userID)]
        ).affected == 1
    }

    /// For somebody who has lost authenticator and recovery codes.
    /// - Returns: false if there is no second factor.
    package func removeSecondFactor(of userID: Int64) async throws(DatabaseError) -> Bool {
        try await ending(userID) { transaction in
            let rows = try await transaction.query(
                "SELECT 1 FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL", [.int(userID)])
            guard rows.count == 1 else { return false }
            try await SecondFactorStore.remove(of: userID, in: transaction)
            return true
        }
    }

    /// Does something to an account; if `body` says that it did, all sessions and connections end.
    private func ending(
        _ userID: Int64, _ body: @escaping @Sendable (Transaction) async throws -> Bool
    ) async throws(DatabaseError) -> Bool {
        let time = now()
        do {
            return try await database.transaction { transaction in
                guard try await body(transaction) else { return false }
                _ = try await LoginSessionStore.endAll(of: userID, but: nil, now: time, in: transaction)
                _ = try await transaction.query(
                    "INSERT INTO ended_users (user_id) VALUES ($1) ON CONFLICT DO NOTHING", [.int(userID)])
                return true
            }
        } catch let error as DatabaseError {
            throw error
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
