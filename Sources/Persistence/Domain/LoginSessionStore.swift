/// Log-in sessions and their refresh tokens (security.md "Tokens").
package struct LoginSessionStore: Sendable {
    /// Seconds that an access token lives.
    package static let accessTokenSeconds: Int64 = 600
    /// Milliseconds that a refresh token, and so a session that is not refreshed, lives.
    package static let refreshTokenMilliseconds: Int64 = 30 * 86_400_000
    /// `last_seen_at` is no more exact than this, so that not every request writes.
    static let seenGranularityMilliseconds: Int64 = 60_000

    let context: DomainContext
    let admissions: Batcher<AccessClaim, Bool>
    let botAdmissions: Batcher<BotClaim, Bool>

    package init(context: DomainContext) {
        self.context = context
        admissions = Batcher(batchMax: 256) { try await Self.admit($0, context) }
        botAdmissions = Batcher(batchMax: 256) { try await Self.admit($0, context) }
    }

    package func open(_ session: NewLoginSession, for userID: Int64) async throws(DatabaseError) -> LoginGrant {
        let context = context
        return try await context.change { transaction in
            Change(result: try await Self.open(session, for: userID, context, in: transaction))
        }
    }

    static func open(
        _ session: NewLoginSession, for userID: Int64, _ context: DomainContext, in transaction: Transaction
    ) async throws(DatabaseError) -> LoginGrant {
        let now = context.now()
        let grant = LoginGrant(
            userID: userID, sessionID: context.ids.next(), accessExpiresAt: now / 1000 + accessTokenSeconds)
        _ = try await transaction.query(
            """
            INSERT INTO login_sessions (id, user_id, client, address, last_seen_at, expires_at, access_expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                .int(grant.sessionID), .int(userID), .text(session.client), .text(session.address), .int(now),
                .int(now + refreshTokenMilliseconds), .int(grant.accessExpiresAt),
            ])
        try await insert(session.refreshHash, grant, expiresAt: now + refreshTokenMilliseconds, in: transaction)
        return grant
    }

    private static func insert(
        _ hash: [UInt8], _ grant: LoginGrant, expiresAt: Int64, in transaction: Transaction
    ) async throws(DatabaseError) {
        _ = try await transaction.query(
            """
            INSERT INTO refresh_tokens (hash, session_id, state, access_expires_at, expires_at)
            VALUES ($1, $2, 1, $3, $4)
            """, [.bytes(hash), .int(grant.sessionID), .int(grant.accessExpiresAt), .int(expiresAt)])
    }

    /// Exchanges a refresh token for a new one; nil if it is not, or no longer, good. The reuse of a spent one revokes the session.
    package func refresh(_ hash: [UInt8], replacement: [UInt8]) async throws(DatabaseError) -> LoginGrant? {
        let now = context.now()
        let outcome: (grant: LoginGrant?, revoked: Int64?) = try await context.change { transaction in
            guard let (session, state) = try await Self.lock(hash, now: now, in: transaction) else {
                return Change(result: (nil, nil))
            }
            switch state.use {
            case .revokeSession:
                _ = try await transaction.query(
                    "UPDATE login_sessions SET revoked_at = $2 WHERE id = $1", [.int(session.sessionID), .int(now)])
                return Change(result: (nil, session.sessionID))
            case .rotate:
                _ = try await transaction.query(
                    """
                    UPDATE refresh_tokens SET state = CASE WHEN hash = $2 THEN 2 ELSE 3 END
                    WHERE session_id = $1 AND state < 3
                    """, [.int(session.sessionID), .bytes(hash)])
            case .reissue:
                break
            }
            var grant = session
            grant.accessExpiresAt = max(now / 1000 + Self.accessTokenSeconds, session.accessExpiresAt + 1)
            let expiresAt = now + Self.refreshTokenMilliseconds
            try await Self.insert(replacement, grant, expiresAt: expiresAt, in: transaction)
            _ = try await transaction.query(
                "UPDATE login_sessions SET last_seen_at = $2, expires_at = $3, access_expires_at = $4 WHERE id = $1",
                [.int(grant.sessionID), .int(now), .int(expiresAt), .int(grant.accessExpiresAt)])
            return Change(result: (grant, nil))
        }
        if let revoked = outcome.revoked { context.revocations.sessionRevoked(revoked) }
        return outcome.grant
    }

    /// The live session of a refresh token, locked, with its newest access token's expiry.
    private static func lock(
        _ hash: [UInt8], now: Int64, in transaction: Transaction
    ) async throws(DatabaseError) -> (LoginGrant, RefreshState)? {
        let sessions = try await transaction.query(
            """
            SELECT s.user_id, s.id, s.access_expires_at FROM login_sessions s JOIN users u ON u.id = s.user_id
            WHERE s.id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)
                AND s.revoked_at IS NULL AND u.disabled_at IS NULL FOR UPDATE OF s
            """, [.bytes(hash)])
        guard sessions.count == 1 else { return nil }
        // A statement of its own, so that it sees what was committed while this one waited for the lock.
        let tokens = try await transaction.query(
            "SELECT state, expires_at FROM refresh_tokens WHERE hash = $1", [.bytes(hash)])
        guard tokens.count == 1, tokens.int(0, 1) > now else { return nil }
        guard let state = RefreshState(rawValue: Int16(tokens.int(0, 0))) else {
            preconditionFailure("a refresh token in an unknown state")
        }
        let grant = LoginGrant(
            userID: sessions.int(0, 0), sessionID: sessions.int(0, 1), accessExpiresAt: sessions.int(0, 2))
        return (grant, state)
    }

    package enum Standing: Sendable {
        case person, bot
    }

    /// What a user without a session (an outside issuer's token, an operator's) is; nil: it may not be served.
    package func standing(of userID: Int64) async throws(DatabaseError) -> Standing? {
        let rows = try await context.database.query(
            """
            SELECT u.owner_id IS NOT NULL FROM users u LEFT JOIN users o ON o.id = u.owner_id
            WHERE u.id = $1 AND u.disabled_at IS NULL AND o.disabled_at IS NULL
            """, [.int(userID)])
        guard rows.count == 1 else { return nil }
        return rows.bool(0, 0) ? .bot : .person
    }

    /// Ends a session of that user; false if there is no such live one.
    package func revoke(_ sessionID: Int64, of userID: Int64) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            """
            UPDATE login_sessions SET revoked_at = $3
            WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3
            """, [.int(sessionID), .int(userID), .int(context.now())])
        guard rows.affected == 1 else { return false }
        context.revocations.sessionRevoked(sessionID)
        return true
    }

    /// Live sessions with an id below `cursor`, the newest first.
    package func sessions(
        of userID: Int64, below cursor: Int64, limit: Int
    ) async throws(DatabaseError) -> [LoginSession] {
        let rows = try await context.database.query(
            """
            SELECT id, client, address, last_seen_at FROM login_sessions
            WHERE user_id = $1 AND id < $2 AND revoked_at IS NULL AND expires_at > $3 ORDER BY id DESC LIMIT $4
            """, [.int(userID), .int(cursor), .int(context.now()), .int(Int64(limit))])
        return (0..<rows.count).map { row in
            LoginSession(
                id: rows.int(row, 0), client: rows.text(row, 1), address: rows.text(row, 2),
                lastSeenAt: rows.int(row, 3))
        }
    }
}
