import JSON
import Topics

/// Friend requests, friendships and blocks. Each change locks both users, the lower id first, so that crossing requests meet.
package struct FriendStore: Sendable {
    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    package struct Answer: Sendable {
        package var verdict: Relationship.Verdict
        package var other: User
        /// When the request was made, the friendship began or the block was set; Unix milliseconds.
        package var since: Int64
    }

    /// Lets `event` happen between `userID` and `otherID`; nil if there is no such other user.
    package func handle(
        _ event: Relationship.Event, by userID: Int64, with otherID: Int64
    ) async throws(DatabaseError) -> Answer? {
        precondition(userID != otherID)
        let context = context
        return try await context.change { transaction -> Change<Answer?> in
            let users = try await Self.lock(userID, otherID, in: transaction)
            guard let me = users[userID], let other = users[otherID] else { return Change(result: nil) }
            var (relationship, blockedSince) = try await Self.relationship(of: userID, to: otherID, in: transaction)
            relationship.acceptsAtOnce = other.ownerID != nil
            let (action, verdict) = relationship.decide(event)
            let now = context.now()
            let entries = try await Self.perform(action, by: me, with: other, now: now, context, in: transaction)
            let since: Int64 =
                switch (action, relationship.state) {
                case (.nothing, _) where event == .block: blockedSince ?? now
                case (.nothing, .asked(let since)), (.nothing, .wasAsked(let since)), (.nothing, .friends(let since)):
                    since
                default: now
                }
            return Change(result: Answer(verdict: verdict, other: other, since: since), entries: entries)
        }
    }

    private static func lock(
        _ one: Int64, _ other: Int64, in transaction: Transaction
    ) async throws(DatabaseError) -> [Int64: User] {
        let rows = try await transaction.query(
            """
            SELECT id, username, display_name, bio, avatar, owner_id FROM users
            WHERE id = ANY ($1) AND disabled_at IS NULL ORDER BY id FOR NO KEY UPDATE
            """, [.ints([one, other])])
        var users: [Int64: User] = [:]
        for row in 0..<rows.count {
            let user = User(rows, row)
            users[user.id] = user
        }
        return users
    }

    private static func relationship(
        of me: Int64, to other: Int64, in transaction: Transaction
    ) async throws(DatabaseError) -> (Relationship, blockedSince: Int64?) {
        let rows = try await transaction.query(
            """
            SELECT (SELECT since FROM friendships WHERE low_id = least($1, $2) AND high_id = greatest($1, $2)),
                (SELECT created_at FROM friend_requests WHERE asker_id = $1 AND asked_id = $2),
                (SELECT created_at FROM friend_requests WHERE asker_id = $2 AND asked_id = $1 AND NOT hidden),
                (SELECT created_at FROM blocks WHERE blocker_id = $1 AND blocked_id = $2),
                EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $2 AND blocked_id = $1)
            """, [.int(me), .int(other)])
        let state: Relationship.State =
            if !rows.isNull(0, 0) {
                .friends(since: rows.int(0, 0))
            } else if !rows.isNull(0, 1) {
                .asked(since: rows.int(0, 1))
            } else if !rows.isNull(0, 2) {
                .wasAsked(since: rows.int(0, 2))
            } else {
                .strangers
            }
        let blockedSince = rows.isNull(0, 3) ? nil : rows.int(0, 3)
        return (
            Relationship(state: state, blocksOther: blockedSince != nil, isBlocked: rows.bool(0, 4)), blockedSince
        )
    }

    private static func perform(
        _ action: Relationship.Action, by me: User, with other: User, now: Int64, _ context: DomainContext,
        in transaction: Transaction
    ) async throws(DatabaseError) -> [Append] {
        let pair: [Parameter] = [.int(me.id), .int(other.id)]
        switch action {
        case .nothing:
            return []
        case .ask(let hidden):
            _ = try await transaction.query(
                "INSERT INTO friend_requests (asker_id, asked_id, created_at, hidden) VALUES ($1, $2, $3, $4)",
                pair + [.int(now), .bool(hidden)])
            return hidden ? [] : [context.friendRequest(from: me, to: other.id)]
        case .befriend:
            try await dropRequests(between: pair, in: transaction)
            return try await befriend(me, other, now: now, context, in: transaction)
        case .dropRequests:
            try await dropRequests(between: pair, in: transaction)
            return []
        case .part:
            return try await part(me, other, context, in: transaction)
        case .block(let parting):
            try await dropRequests(between: pair, in: transaction)
            _ = try await transaction.query(
                "INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3)", pair + [.int(now)])
            return parting ? try await part(me, other, context, in: transaction) : []
        case .unblock:
            _ = try await transaction.query(
                "DELETE FROM friend_requests WHERE asker_id = $2 AND asked_id = $1 AND hidden", pair)
            _ = try await transaction.query("DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2", pair)
            return []
        }
    }

    private static func dropRequests(between pair: [Parameter], in transaction: Transaction) async throws(DatabaseError)
    {
        _ = try await transaction.query(
            """
            DELETE FROM friend_requests
            WHERE asker_id = $1 AND asked_id = $2 OR asker_id = $2 AND asked_id = $1
            """, pair)
    }

    /// The topic of two users is made with their first friendship and outlives it.
    static func befriend(
        _ me: User, _ other: User, now: Int64, _ context: DomainContext, in transaction: Transaction
    ) async throws(DatabaseError) -> [Append] {
        let low = min(me.id, other.id)
        let high = max(me.id, other.id)
        let known = try await transaction.query(
            "SELECT id, last_seq FROM topics WHERE kind = 2 AND low = $1 AND high = $2", [.int(low), .int(high)])
        let topicID = known.count == 0 ? context.ids.next() : known.int(0, 0)
        let lastSeq = known.count == 0 ? 0 : known.int(0, 1)
        if known.count == 0 {
            _ = try await transaction.query(
                "INSERT INTO topics (id, kind, low, high) VALUES ($1, 2, $2, $3)",
                [.int(topicID), .int(low), .int(high)])
        }
        _ = try await transaction.query(
            "INSERT INTO friendships (low_id, high_id, topic_id, since) VALUES ($1, $2, $3, $4)",
            [.int(low), .int(high), .int(topicID), .int(now)])
        return [(me, other), (other, me)].map { owner, friend in
            context.friendAccepted(
                to: owner.id, friend: friend, by: me.id,
                .friendAdded(friend: friend.id, topicID: topicID, lastSeq: lastSeq))
        }
    }

    private static func part(
        _ me: User, _ other: User, _ context: DomainContext, in transaction: Transaction
    ) async throws(DatabaseError) -> [Append] {
        _ = try await transaction.query(
            "DELETE FROM friendships WHERE low_id = least($1, $2) AND high_id = greatest($1, $2)",
            [.int(me.id), .int(other.id)])
        return [(me.id, other.id), (other.id, me.id)].map { owner, friend in
            context.friendRemoved(to: owner, friend: friend, by: me.id)
        }
    }
}

extension DomainContext {
    fileprivate func friendRequest(from asker: User, to asked: Int64) -> Append {
        entry(in: .inbox(of: asked), by: asker.id, .friendRequest) { body in
            body.name("user")
            asker.write(to: &body, seenBy: asked)
        }
    }

    fileprivate func friendAccepted(to owner: Int64, friend: User, by actor: Int64, _ change: RightsChange) -> Append {
        entry(in: .inbox(of: owner), by: actor, .friendAccepted, change: change) { body in
            body.name("user")
            friend.write(to: &body, seenBy: owner)
            body.name("topic")
            body.string(TopicAddress.direct(between: owner, and: friend.id).name)
        }
    }

    func friendRemoved(to owner: Int64, friend: Int64, by actor: Int64) -> Append {
        entry(in: .inbox(of: owner), by: actor, .friendRemoved, change: .friendRemoved(friend: friend)) { body in
            body.name("user_id")
            body.id(friend)
        }
    }
}
