/// A long-lived access token of a bot; its id is the token's `jti`. The token itself is kept nowhere.
package struct BotToken: Sendable, Equatable {
    package var id: Int64
    package var name: String?
    /// Unix milliseconds.
    package var expiresAt: Int64
    /// Unix milliseconds, to the minute; nil: never.
    package var lastUsedAt: Int64?

    init(id: Int64, name: String?, expiresAt: Int64, lastUsedAt: Int64? = nil) {
        self.id = id
        self.name = name
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
    }

    /// Reads `id, name, expires_at, last_used_at`.
    init(_ rows: Rows, _ row: Int) {
        self.init(
            id: rows.int(row, 0), name: rows.isNull(row, 1) ? nil : rows.text(row, 1), expiresAt: rows.int(row, 2),
            lastUsedAt: rows.isNull(row, 3) ? nil : rows.int(row, 3))
    }
}

/// Which tokens of bots are good.
package struct BotTokenStore: Sendable {
    /// At once, of one bot.
    package static let tokensMax: Int64 = 20

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    package enum CreateOutcome: Sendable, Equatable {
        case created(BotToken)
        /// The user has no such bot.
        case notFound
        case tooMany
    }

    /// - Parameter expiresAt: Unix milliseconds.
    package func create(
        name: String?, expiresAt: Int64, for botID: Int64, of ownerID: Int64
    ) async throws(DatabaseError) -> CreateOutcome {
        let context = context
        return try await context.change { transaction -> Change<CreateOutcome> in
            guard try await BotStore.lock(botID, of: ownerID, in: transaction) else { return Change(result: .notFound) }
            let count = try await transaction.query(
                "SELECT count(*) FROM bot_tokens WHERE bot_id = $1 AND expires_at > $2",
                [.int(botID), .int(context.now())])
            guard count.int(0, 0) < Self.tokensMax else { return Change(result: .tooMany) }
            let token = BotToken(id: context.ids.next(), name: name, expiresAt: expiresAt)
            _ = try await transaction.query(
                "INSERT INTO bot_tokens (id, bot_id, name, expires_at) VALUES ($1, $2, $3::text, $4)",
                [.int(token.id), .int(botID), name.map { .text($0) } ?? .null, .int(expiresAt)])
            return Change(result: .created(token))
        }
    }

    /// Good tokens with an id above `cursor`, ascending; nil if the user has no such bot.
    package func tokens(
        of botID: Int64, ownedBy ownerID: Int64, after cursor: Int64, limit: Int
    ) async throws(DatabaseError) -> [BotToken]? {
        let rows = try await context.database.query(
            """
            SELECT t.id, t.name, t.expires_at, t.last_used_at FROM users u
            LEFT JOIN LATERAL (SELECT * FROM bot_tokens t WHERE t.bot_id = u.id AND t.id > $3 AND t.expires_at > $4
                ORDER BY t.id LIMIT $5) t ON true
            WHERE u.id = $1 AND u.owner_id = $2 AND u.deleted_at IS NULL ORDER BY t.id
            """, [.int(botID), .int(ownerID), .int(cursor), .int(context.now()), .int(Int64(limit))])
        guard rows.count > 0 else { return nil }
        return rows.isNull(0, 0) ? [] : (0..<rows.count).map { BotToken(rows, $0) }
    }

    /// Connections that the token opened end, as those of a log-in session that is revoked.
    /// - Returns: false if the user's bot has no such token.
    package func revoke(
        _ tokenID: Int64, of botID: Int64, ownedBy ownerID: Int64
    ) async throws(DatabaseError) -> Bool {
        let rows = try await context.database.query(
            """
            DELETE FROM bot_tokens t USING users u
            WHERE t.id = $1 AND t.bot_id = $2 AND u.id = t.bot_id AND u.owner_id = $3 AND u.deleted_at IS NULL
            """, [.int(tokenID), .int(botID), .int(ownerID)])
        guard rows.affected == 1 else { return false }
        context.revocations.sessionRevoked(tokenID)
        return true
    }

    /// - Returns: how many are over and removed.
    package func purgeExpired() async throws(DatabaseError) -> Int {
        try await context.database.query("DELETE FROM bot_tokens WHERE expires_at <= $1", [.int(context.now())])
            .affected
    }
}
