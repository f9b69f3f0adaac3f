/// What an access token says of its session.
struct AccessClaim: Sendable {
    var userID: Int64
    var sessionID: Int64
    /// The token's `exp`, Unix seconds.
    var accessExpiresAt: Int64
}

/// What a bot's token says.
struct BotClaim: Sendable {
    var userID: Int64
    var tokenID: Int64
}

// Asked for each CONNECT, and for requests with tokens that were not seen lately: in batches, as clients come back together.
extension LoginSessionStore {
    /// Whether an access token's session is live; the token's first use spends the refresh tokens that came before it.
    /// - Parameter accessExpiresAt: the token's `exp`, Unix seconds.
    package func admit(
        userID: Int64, sessionID: Int64, accessExpiresAt: Int64
    ) async throws(DatabaseError) -> Bool {
        try await admissions.ask(
            AccessClaim(userID: userID, sessionID: sessionID, accessExpiresAt: accessExpiresAt))
    }

    static func admit(_ claims: [AccessClaim], _ context: DomainContext) async throws -> [Bool] {
        let now = context.now()
        let rows = try await context.database.query(
            """
            SELECT c.index, s.last_seen_at, EXISTS (SELECT 1 FROM refresh_tokens r
                WHERE r.session_id = s.id AND r.state < 3 AND r.access_expires_at < c.access_expires_at)
            FROM unnest($1, $2, $3) WITH ORDINALITY AS c(session_id, user_id, access_expires_at, index)
            CROSS JOIN LATERAL (SELECT * FROM login_sessions WHERE id = c.session_id OFFSET 0) s
            CROSS JOIN LATERAL (SELECT disabled_at FROM users WHERE id = s.user_id OFFSET 0) u
            WHERE s.user_id = c.user_id AND s.revoked_at IS NULL AND s.expires_at > $4 AND u.disabled_at IS NULL
            """,
            [
                .ints(claims.map(\.sessionID)), .ints(claims.map(\.userID)), .ints(claims.map(\.accessExpiresAt)),
                .int(now),
            ])
        var isLive = Array(repeating: false, count: claims.count)
        var first: [AccessClaim] = []
        var unseen: [Int64] = []
        for row in 0..<rows.count {
            let index = Int(rows.int(row, 0)) - 1
            isLive[index] = true
            if rows.bool(row, 2) { first.append(claims[index]) }
            if rows.int(row, 1) < now - seenGranularityMilliseconds { unseen.append(claims[index].sessionID) }
        }
        if !first.isEmpty {
            _ = try await context.database.query(
                """
                UPDATE refresh_tokens r SET state = 3 FROM unnest($1, $2) AS c(session_id, access_expires_at)
                WHERE r.session_id = c.session_id AND r.session_id = ANY($1)
                    AND r.state < 3 AND r.access_expires_at < c.access_expires_at
                """, [.ints(first.map(\.sessionID)), .ints(first.map(\.accessExpiresAt))])
        }
        if !unseen.isEmpty {
            _ = try await context.database.query(
                "UPDATE login_sessions SET last_seen_at = $2 WHERE id = ANY($1) AND last_seen_at < $2",
                [.ints(unseen.sorted()), .int(now)])
        }
        return isLive
    }

    /// Whether a bot's token is good: not revoked, and neither the bot's account nor its owner's is closed.
    package func admit(userID: Int64, botTokenID: Int64) async throws(DatabaseError) -> Bool {
        try await botAdmissions.ask(BotClaim(userID: userID, tokenID: botTokenID))
    }

    static func admit(_ claims: [BotClaim], _ context: DomainContext) async throws -> [Bool] {
        let now = context.now()
        let rows = try await context.database.query(
            """
            SELECT c.index, coalesce(t.last_used_at, 0) FROM unnest($1, $2) WITH ORDINALITY AS c(token_id, user_id, index)
            CROSS JOIN LATERAL (SELECT * FROM bot_tokens WHERE id = c.token_id OFFSET 0) t
            CROSS JOIN LATERAL (SELECT disabled_at, owner_id FROM users WHERE id = t.bot_id OFFSET 0) u
            CROSS JOIN LATERAL (SELECT disabled_at FROM users WHERE id = u.owner_id OFFSET 0) o
            WHERE t.bot_id = c.user_id AND t.expires_at > $3 AND u.disabled_at IS NULL AND o.disabled_at IS NULL
            """, [.ints(claims.map(\.tokenID)), .ints(claims.map(\.userID)), .int(now)])
        var isGood = Array(repeating: false, count: claims.count)
        var unseen: [Int64] = []
        for row in 0..<rows.count {
            let index = Int(rows.int(row, 0)) - 1
            isGood[index] = true
            if rows.int(row, 1) < now - seenGranularityMilliseconds { unseen.append(claims[index].tokenID) }
        }
        if !unseen.isEmpty {
            _ = try await context.database.query(
                "UPDATE bot_tokens SET last_used_at = $2 WHERE id = ANY($1) AND coalesce(last_used_at, 0) < $2",
                [.ints(unseen.sorted()), .int(now)])
        }
        return isGood
    }
}
