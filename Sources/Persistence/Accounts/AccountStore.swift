import Topics

/// What an account is beside its profile, and its end.
package struct AccountStore: Sendable {
    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// How a user logs in, and what for.
    package struct Standing: Sendable, Equatable {
        package var isAdmin: Bool
        package var hasSecondFactor: Bool
        package var recoveryCodesLeft: Int64

        package init(isAdmin: Bool = false, hasSecondFactor: Bool = false, recoveryCodesLeft: Int64 = 0) {
            self.isAdmin = isAdmin
            self.hasSecondFactor = hasSecondFactor
            self.recoveryCodesLeft = recoveryCodesLeft
        }
    }

    package func standing(of userID: Int64) async throws(DatabaseError) -> Standing {
        let rows = try await context.database.query(
            """
            SELECT u.is_admin,
                EXISTS (SELECT 1 FROM totp_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL),
                (SELECT count(*) FROM recovery_codes c WHERE c.user_id = u.id)
            FROM users u WHERE u.id = $1
            """, [.int(userID)])
        guard rows.count == 1 else { return Standing() }
        return Standing(
            isAdmin: rows.bool(0, 0), hasSecondFactor: rows.bool(0, 1), recoveryCodesLeft: rows.int(0, 2))
    }

    // MARK: The end

    /// Deletes the account: what it is called and how it logs in goes with this commit, its friendships and memberships after it
    /// (`finishDeletion`). Its bots go with it. Messages stay.
    /// - Parameters:
    ///   - passwordHash: the one that the password was checked against.
    ///   - name: the user name that its messages are under from now on, with a suffix those of its bots; nobody can have guessed it.
    /// - Returns: false if the password was changed meanwhile, or the account is gone.
    package func delete(
        _ userID: Int64, passwordHash: String, leavingName name: String
    ) async throws(DatabaseError) -> Bool {
        let context = context
        let ended: [Int64] = try await context.change { transaction in
            let locked = try await transaction.query(
                "SELECT 1 FROM users WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL FOR UPDATE",
                [.int(userID), .text(passwordHash)])
            guard locked.count == 1 else { return Change(result: []) }
            let bots = try await transaction.query(
                "SELECT id FROM users WHERE owner_id = $1 AND deleted_at IS NULL ORDER BY id FOR UPDATE", [.int(userID)]
            )
            var ended = [userID]
            try await Self.erase(userID, leavingName: name, context, in: transaction)
            for row in 0..<bots.count {
                ended.append(bots.int(row, 0))
                try await Self.erase(bots.int(row, 0), leavingName: "\(name)-\(row + 1)", context, in: transaction)
            }
            return Change(result: ended)
        }
        for user in ended { context.revocations.userEnded(user) }
        return !ended.isEmpty
    }

    /// Leaves of an account, whose row is locked, what its messages need.
    static func erase(
        _ userID: Int64, leavingName name: String, _ context: DomainContext, in transaction: Transaction
    ) async throws(DatabaseError) {
        let old = try await transaction.query("SELECT email, avatar FROM users WHERE id = $1", [.int(userID)])
        if !old.isNull(0, 0) {
            _ = try await transaction.query("DELETE FROM mail_outbox WHERE recipient = $1", [.text(old.text(0, 0))])
        }
        _ = try await transaction.query(
            """
            UPDATE users SET username = $2, display_name = CASE WHEN owner_id IS NULL THEN 'Deleted user' ELSE 'Deleted bot' END,
                email = NULL, email_verified = false, password_hash = NULL, bio = '', avatar = NULL, is_admin = false,
                version = version + 1, disabled_at = coalesce(disabled_at, $3), deleted_at = $3
            WHERE id = $1
            """, [.int(userID), .text(name), .int(context.now())])
        if !old.isNull(0, 1) { try await transaction.unnameAttachment(old.int(0, 1), now: context.now()) }
        try await removeBelongings(of: userID, in: transaction)
    }

    private static func removeBelongings(of userID: Int64, in transaction: Transaction) async throws(DatabaseError) {
        let user: [Parameter] = [.int(userID)]
        try await SecondFactorStore.remove(of: userID, in: transaction)
        _ = try await transaction.query("DELETE FROM login_sessions WHERE user_id = $1", user)
        _ = try await transaction.query("DELETE FROM bot_tokens WHERE bot_id = $1", user)
        _ = try await transaction.query("DELETE FROM mqtt_sessions WHERE user_id = $1", user)
        _ = try await transaction.query("DELETE FROM mailed_codes WHERE user_id = $1", user)
        _ = try await transaction.query("DELETE FROM known_networks WHERE user_id = $1", user)
        _ = try await transaction.query("DELETE FROM friend_requests WHERE asker_id = $1 OR asked_id = $1", user)
        _ = try await transaction.query("DELETE FROM blocks WHERE blocker_id = $1 OR blocked_id = $1", user)
    }

    /// Ends the friendships and memberships of a deleted account and its bots, a few in a transaction: each inbox and group is told. May
    /// be repeated.
    package func finishDeletion(of userID: Int64) async throws(DatabaseError) {
        try await finish(userID)
        for bot in try await unfinished(ownedBy: userID) { try await finish(bot) }
    }

    private func finish(_ userID: Int64) async throws(DatabaseError) {
        while try await FriendStore(context: context).partFromSome(of: userID) {}
        let groups = GroupStore(context: context)
        while let group = try await firstGroup(of: userID) { try await groups.abandon(group, by: userID) }
        _ = try await context.database.query("DELETE FROM read_marks WHERE user_id = $1", [.int(userID)])
    }

    private func firstGroup(of userID: Int64) async throws(DatabaseError) -> Int64? {
        let rows = try await context.database.query(
            "SELECT group_id FROM members WHERE user_id = $1 ORDER BY group_id LIMIT 1", [.int(userID)])
        return rows.count == 0 ? nil : rows.int(0, 0)
    }

    /// Finishes what a crash, or a request that came at the same moment, left of deleted accounts.
    /// - Returns: of how many.
    package func finishDeletions() async throws(DatabaseError) -> Int {
        let users = try await unfinished(ownedBy: nil)
        for user in users { try await finish(user) }
        return users.count
    }

    /// Deleted accounts that still are somebody's friend or in a group.
    private func unfinished(ownedBy owner: Int64?) async throws(DatabaseError) -> [Int64] {
        let rows = try await context.database.query(
            """
            SELECT u.id FROM users u WHERE u.deleted_at IS NOT NULL AND ($1::bigint IS NULL OR u.owner_id = $1) AND (
                EXISTS (SELECT 1 FROM friendships f WHERE f.low_id = u.id)
                OR EXISTS (SELECT 1 FROM friendships f WHERE f.high_id = u.id)
                OR EXISTS (SELECT 1 FROM members m WHERE m.user_id = u.id))
            """, [owner.map { .int($0) } ?? .null])
        return (0..<rows.count).map { rows.int($0, 0) }
    }

    // MARK: Other processes

    /// Tells the live connections of users whom another process has shut out.
    package func announceEnded() async throws(DatabaseError) {
        let rows = try await context.database.query("DELETE FROM ended_users RETURNING user_id")
        for row in 0..<rows.count { context.revocations.userEnded(rows.int(row, 0)) }
    }
}
