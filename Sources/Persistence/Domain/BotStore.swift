import Topics

/// Bots: accounts of programs, which belong to a user and in which nobody logs in.
package struct BotStore: Sendable {
    /// rest.md: 20 a user.
    package static let botsMax: Int64 = 20

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    package enum CreateOutcome: Sendable {
        case created(User)
        case usernameTaken
        case tooMany
        /// The owner's account was closed meanwhile.
        case noOwner
    }

    /// Makes a bot, its inbox, and the friendship with its owner.
    /// - Parameter username: in lower case, and a user name by the rules.
    package func create(
        username: String, displayName: String, ownerID: Int64
    ) async throws(DatabaseError) -> CreateOutcome {
        let context = context
        do {
            return try await context.change { transaction -> Change<CreateOutcome> in
                // The owner's row is locked, so that two at once don't both find room for the last.
                let owners = try await transaction.query(
                    """
                    SELECT id, username, display_name, bio, avatar, owner_id FROM users
                    WHERE id = $1 AND disabled_at IS NULL AND owner_id IS NULL FOR NO KEY UPDATE
                    """, [.int(ownerID)])
                guard owners.count == 1 else { return Change(result: .noOwner) }
                let count = try await transaction.query(
                    "SELECT count(*) FROM users WHERE owner_id = $1 AND deleted_at IS NULL", [.int(ownerID)])
                guard count.int(0, 0) < Self.botsMax else { return Change(result: .tooMany) }
                let bot = User(
                    id: context.ids.next(), username: username, displayName: displayName, ownerID: ownerID)
                _ = try await transaction.query(
                    "INSERT INTO users (id, username, display_name, owner_id) VALUES ($1, $2, $3, $4)",
                    [.int(bot.id), .text(username), .text(displayName), .int(ownerID)])
                _ = try await transaction.query("INSERT INTO topics (id, kind) VALUES ($1, 1)", [.int(bot.id)])
                let entries = try await FriendStore.befriend(
                    User(owners, 0), bot, now: context.now(), context, in: transaction)
                return Change(result: .created(bot), entries: entries)
            }
        } catch .refused(code: "23505", constraint: "users_username", _) {
            return .usernameTaken
        }
    }

    /// The user's bots with an id above `cursor`, ascending.
    package func bots(of ownerID: Int64, after cursor: Int64, limit: Int) async throws(DatabaseError) -> [User] {
        let rows = try await context.database.query(
            """
            SELECT id, username, display_name, bio, avatar, owner_id FROM users
            WHERE owner_id = $1 AND id > $2 AND deleted_at IS NULL ORDER BY id LIMIT $3
            """, [.int(ownerID), .int(cursor), .int(Int64(limit))])
        return (0..<rows.count).map { User(rows, $0) }
    }

    /// Deletes a bot as an account is deleted; `AccountStore.finishDeletion` is to follow.
    /// - Parameter name: the user name that its messages are under from now on; nobody can have guessed it.
    /// - Returns: false if the user has no such bot.
    package func delete(
        _ botID: Int64, of ownerID: Int64, leavingName name: String
    ) async throws(DatabaseError) -> Bool {
        let context = context
        let isDone = try await context.change { transaction in
            guard try await Self.lock(botID, of: ownerID, in: transaction) else { return Change(result: false) }
            try await AccountStore.erase(botID, leavingName: name, context, in: transaction)
            return Change(result: true)
        }
        if isDone { context.revocations.userEnded(botID) }
        return isDone
    }

    /// Locks the row of a bot; false if it is not there, or another user's.
    static func lock(
        _ botID: Int64, of ownerID: Int64, in transaction: Transaction
    ) async throws(DatabaseError) -> Bool {
        try await transaction.query(
            "SELECT 1 FROM users WHERE id = $1 AND owner_id = $2 AND deleted_at IS NULL FOR UPDATE",
            [.int(botID), .int(ownerID)]
        ).count == 1
    }
}
