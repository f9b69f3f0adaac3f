/// Accounts and profiles.
package struct UserStore: Sendable {
    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// What a new account is made of; `username` and `email` in lower case.
    package struct NewAccount: Sendable {
        package var username: String
        package var email: String
        package var passwordHash: String
        package var displayName: String

        package init(username: String, email: String, passwordHash: String, displayName: String) {
            self.username = username
            self.email = email
            self.passwordHash = passwordHash
            self.displayName = displayName
        }
    }

    package enum SignUpOutcome: Sendable {
        case created(Profile, LoginGrant)
        case usernameTaken, emailTaken
    }

    /// Makes the account, its inbox and its first log-in session.
    /// - Parameter letter: asks for a proof of the e-mail address.
    package func signUp(
        _ account: NewAccount, session: NewLoginSession, letter: MailedCodeStore.Letter? = nil
    ) async throws(DatabaseError) -> SignUpOutcome {
        let context = context
        do {
            return try await context.change { transaction in
                let id = context.ids.next()
                let rows = try await transaction.query(
                    """
                    INSERT INTO users (id, username, email, password_hash, display_name) VALUES ($1, $2, $3, $4, $5)
                    RETURNING id, username, display_name, bio, avatar, owner_id, email, email_verified, version
                    """,
                    [
                        .int(id), .text(account.username), .text(account.email), .text(account.passwordHash),
                        .text(account.displayName),
                    ])
                _ = try await transaction.query("INSERT INTO topics (id, kind) VALUES ($1, 1)", [.int(id)])
                let grant = try await LoginSessionStore.open(session, for: id, context, in: transaction)
                if let letter { _ = try await MailedCodeStore.send(letter, to: id, context, in: transaction) }
                return Change(result: .created(Profile(rows, 0), grant))
            }
        } catch .refused(code: "23505", constraint: "users_username", _) {
            return .usernameTaken
        } catch .refused(code: "23505", constraint: "users_email", _) {
            return .emailTaken
        }
    }

    /// What a log-in is checked against.
    package struct Credentials: Sendable {
        package var userID: Int64
        package var passwordHash: String
    }

    /// By user name or e-mail address, in lower case; nil for unknown and disabled accounts.
    package func credentials(username: String?, email: String?) async throws(DatabaseError) -> Credentials? {
        let rows = try await context.database.query(
            """
            SELECT id, password_hash FROM users
            WHERE (username = $1 OR email = $2) AND disabled_at IS NULL AND password_hash IS NOT NULL
            """,
            [username.map { .text($0) } ?? .null, email.map { .text($0) } ?? .null])
        return rows.count == 0 ? nil : Credentials(userID: rows.int(0, 0), passwordHash: rows.text(0, 1))
    }

    /// Replaces a hash with outdated parameters, unless the password was changed meanwhile.
    package func rehash(_ userID: Int64, from old: String, to new: String) async throws(DatabaseError) {
        _ = try await context.database.query(
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
            [.int(userID), .text(old), .text(new)])
    }

    package func profile(_ userID: Int64) async throws(DatabaseError) -> Profile? {
        let rows = try await context.database.query(
            """
            SELECT id, username, display_name, bio, avatar, owner_id, email, email_verified, version FROM users
            WHERE id = $1
            """, [.int(userID)])
        return rows.count == 0 ? nil : Profile(rows, 0)
    }

    package func user(_ userID: Int64) async throws(DatabaseError) -> User? {
        let rows = try await context.database.query(
            "SELECT id, username, display_name, bio, avatar, owner_id FROM users WHERE id = $1", [.int(userID)])
        return rows.count == 0 ? nil : User(rows, 0)
    }

    package func userID(named username: String) async throws(DatabaseError) -> Int64? {
        let rows = try await context.database.query("SELECT id FROM users WHERE username = $1", [.text(username)])
        return rows.count == 0 ? nil : rows.int(0, 0)
    }

    /// Enabled users whose name begins with `prefix` and stands after `cursor`, in order of name.
    package func users(
        withPrefix prefix: String, after cursor: String, limit: Int
    ) async throws(DatabaseError) -> [User] {
        let rows = try await context.database.query(
            """
            SELECT id, username, display_name, bio, avatar, owner_id FROM users
            WHERE username >= $1 AND username < $1 || '~' AND username > $2 AND disabled_at IS NULL
            ORDER BY username LIMIT $3
            """, [.text(prefix), .text(cursor), .int(Int64(limit))])
        return (0..<rows.count).map { User(rows, $0) }
    }
}
