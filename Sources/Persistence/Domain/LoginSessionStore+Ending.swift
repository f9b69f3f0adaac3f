extension LoginSessionStore {
    /// Changes something of an account; if `body` says that it did, the user's sessions but one end with the same commit.
    /// - Parameter kept: the session that goes on; nil: none.
    static func endingOthers(
        _ context: DomainContext, of userID: Int64, but kept: Int64?,
        _ body: @escaping @Sendable (Transaction) async throws -> Bool
    ) async throws(DatabaseError) -> Bool {
        let ended: [Int64]? = try await context.change { transaction in
            guard try await body(transaction) else { return Change(result: nil) }
            return Change(
                result: try await endAll(of: userID, but: kept, now: context.now(), in: transaction))
        }
        for session in ended ?? [] { context.revocations.sessionRevoked(session) }
        return ended != nil
    }

    /// - Returns: those that ended now; to be announced after the commit.
    static func endAll(
        of userID: Int64, but kept: Int64?, now: Int64, in transaction: Transaction
    ) async throws(DatabaseError) -> [Int64] {
        let rows = try await transaction.query(
            """
            UPDATE login_sessions SET revoked_at = $3 WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL
            RETURNING id
            """, [.int(userID), .int(kept ?? 0), .int(now)])
        return (0..<rows.count).map { rows.int($0, 0) }
    }

    /// Removes sessions that are over, with their tokens, and refresh tokens that have expired: one that is reused before that still
    /// tells that it was stolen.
    /// - Returns: how many sessions.
    package func purgeEnded() async throws(DatabaseError) -> Int {
        let now = context.now()
        _ = try await context.database.query("DELETE FROM refresh_tokens WHERE expires_at <= $1", [.int(now)])
        let rows = try await context.database.query(
            "DELETE FROM login_sessions WHERE revoked_at IS NOT NULL OR expires_at <= $1", [.int(now)])
        return rows.affected
    }
}
