import Topics

/// Groups. Each change locks the group's row first, so that the changes of one group happen one after the other.
package struct GroupStore: Sendable {
    package static let membersMax: Int64 = 10_000

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// What a change of a group comes to for somebody who may not be a member, or not have the role.
    package enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        /// No such group, or not one of the caller's: indistinguishable.
        case notFound
        /// A member without the role.
        case forbidden
        /// None of the versions asked for is the present one.
        case stale
        /// The group would be without an owner.
        case lastOwner
        /// The picture is no attachment that the caller may load.
        case attachmentMissing
        /// Not a member: the other user that the change is about.
        case noSuchMember
    }

    package enum CreateOutcome: Sendable {
        case created(Group)
        /// These of the members asked for are no friends of the caller's.
        case notFriends([Int64])
        case attachmentMissing
    }

    /// Makes a group of `ownerID` and some of its friends.
    package func create(
        name: String, picture: Int64? = nil, announcement: Bool, ownerID: Int64, friendIDs: [Int64]
    ) async throws(DatabaseError) -> CreateOutcome {
        let context = context
        return try await context.change { transaction in
            let friends = try await Self.friends(of: ownerID, among: friendIDs, in: transaction)
            let strangers = friendIDs.filter { !friends.contains($0) }
            guard strangers.isEmpty else { return Change(result: .notFriends(strangers)) }
            if let picture, try await !transaction.nameAttachment(picture, for: ownerID) {
                return Change(result: .attachmentMissing)
            }
            let id = context.ids.next()
            var group = Group(
                id: id, name: name, announcement: announcement, ownerID: ownerID,
                memberCount: Int64(friendIDs.count) + 1)
            group.picture = picture
            _ = try await transaction.query("INSERT INTO topics (id, kind) VALUES ($1, 3)", [.int(id)])
            _ = try await transaction.query(
                """
                INSERT INTO groups (id, name, announcement, owner_id, member_count, picture)
                VALUES ($1, $2, $3, $4, $5, $6::bigint)
                """,
                [
                    .int(id), .text(name), .bool(announcement), .int(ownerID), .int(group.memberCount),
                    picture.map { .int($0) } ?? .null,
                ])
            try await Self.insert([ownerID], role: .owner, into: id, now: context.now(), in: transaction)
            try await Self.insert(friendIDs, role: .member, into: id, now: context.now(), in: transaction)
            let entries =
                [context.groupCreated(group)]
                + friendIDs.flatMap { context.memberAdded($0, to: group, firstSeq: 1, by: ownerID) }
            return Change(result: .created(group), entries: entries)
        }
    }

    /// What is to be changed; members that are nil stay as they are.
    package struct Update: Sendable {
        package var name: String?
        package var announcement: Bool?
        package var picture: AttachmentChange

        package init(name: String? = nil, announcement: Bool? = nil, picture: AttachmentChange = .keep) {
            self.name = name
            self.announcement = announcement
            self.picture = picture
        }
    }

    /// - Parameter versions: what `If-Match` allows; nil: any.
    package func update(
        _ groupID: Int64, _ update: Update, by userID: Int64, ifVersionIn versions: [Int64]?
    ) async throws(DatabaseError) -> Outcome<Group> {
        let context = context
        return try await context.change { transaction -> Change<Outcome<Group>> in
            guard let old = try await Self.lock(groupID, for: userID, in: transaction) else {
                return Change(result: .notFound)
            }
            guard old.myRole >= .admin else { return Change(result: .forbidden) }
            if let versions, !versions.contains(old.version) { return Change(result: .stale) }
            var group = old
            group.name = update.name ?? old.name
            group.announcement = update.announcement ?? old.announcement
            group.picture = update.picture.applied(to: old.picture)
            guard group != old else { return Change(result: .done(old)) }
            if let picture = group.picture, picture != old.picture,
                try await !transaction.nameAttachment(picture, for: userID)
            {
                return Change(result: .attachmentMissing)
            }
            group.version += 1
            _ = try await transaction.query(
                "UPDATE groups SET name = $2, announcement = $3, version = $4, picture = $5::bigint WHERE id = $1",
                [
                    .int(groupID), .text(group.name), .bool(group.announcement), .int(group.version),
                    group.picture.map { .int($0) } ?? .null,
                ])
            if let picture = old.picture, picture != group.picture {
                try await transaction.unnameAttachment(picture, now: context.now())
            }
            return Change(result: .done(group), entries: context.groupChanged(from: old, to: group, by: userID))
        }
    }

    /// Ends a group: its log goes, its members are told.
    package func end(_ groupID: Int64, by userID: Int64) async throws(DatabaseError) -> Outcome<Void> {
        let context = context
        return try await context.change { transaction -> Change<Outcome<Void>> in
            guard let group = try await Self.lock(groupID, for: userID, in: transaction) else {
                return Change(result: .notFound)
            }
            guard group.myRole == .owner else { return Change(result: .forbidden) }
            return try await Self.ending(group, by: userID, context, in: transaction)
        }
    }

    static func ending(
        _ group: Group, by userID: Int64, _ context: DomainContext, in transaction: Transaction
    ) async throws(DatabaseError) -> Change<Outcome<Void>> {
        let members = try await transaction.query(
            "SELECT user_id FROM members WHERE group_id = $1 ORDER BY user_id", [.int(group.id)])
        let entries =
            [context.groupEnded(group, by: userID)]
            + (0..<members.count).map {
                context.groupRemoved(group.id, to: members.int($0, 0), reason: "ended", by: userID)
            }
        return Change(result: .done(()), entries: entries, endedGroup: group.id)
    }

    /// Deletes all that there is of a group; called after its last entry was appended, so that topics are locked in order.
    static func erase(_ groupID: Int64, now: Int64, in transaction: Transaction) async throws(DatabaseError) {
        _ = try await transaction.query(
            """
            DELETE FROM read_marks
            WHERE topic_id = $1 AND user_id IN (SELECT m.user_id FROM members m WHERE m.group_id = $1)
            """, [.int(groupID)])
        _ = try await transaction.query("DELETE FROM members WHERE group_id = $1", [.int(groupID)])
        let gone = try await transaction.query(
            "DELETE FROM groups WHERE id = $1 RETURNING picture", [.int(groupID)])
        _ = try await transaction.query("SELECT confab_drop_attachments($1, NULL)", [.int(groupID)])
        if gone.count == 1, !gone.isNull(0, 0) { try await transaction.unnameAttachment(gone.int(0, 0), now: now) }
        _ = try await transaction.query("DELETE FROM messages WHERE topic_id = $1", [.int(groupID)])
        _ = try await transaction.query("DELETE FROM message_edits WHERE topic_id = $1", [.int(groupID)])
        _ = try await transaction.query("DELETE FROM message_deletions WHERE topic_id = $1", [.int(groupID)])
        _ = try await transaction.query("DELETE FROM message_reactions WHERE topic_id = $1", [.int(groupID)])
        _ = try await transaction.query("DELETE FROM topics WHERE id = $1", [.int(groupID)])
    }

    /// The group as `userID` sees it, its row locked; nil if it is not a member.
    static func lock(
        _ groupID: Int64, for userID: Int64, in transaction: Transaction
    ) async throws(DatabaseError) -> Group? {
        // A statement of its own: the next one then sees what was committed while this one waited.
        _ = try await transaction.query("SELECT 1 FROM groups WHERE id = $1 FOR NO KEY UPDATE", [.int(groupID)])
        let rows = try await transaction.query(
            """
            SELECT g.id, g.name, g.picture, g.announcement, g.owner_id, g.member_count, g.version, m.role
            FROM groups g JOIN members m ON m.group_id = g.id WHERE g.id = $1 AND m.user_id = $2
            """, [.int(groupID), .int(userID)])
        return rows.count == 0 ? nil : Group(rows, 0)
    }

    static func friends(
        of userID: Int64, among candidates: [Int64], in transaction: Transaction
    ) async throws(DatabaseError) -> Set<Int64> {
        guard !candidates.isEmpty else { return [] }
        let rows = try await transaction.query(
            """
            SELECT c.id FROM unnest($2::bigint[]) c(id)
            WHERE EXISTS (SELECT 1 FROM friendships f
                WHERE f.low_id = least($1, c.id) AND f.high_id = greatest($1, c.id))
            """, [.int(userID), .ints(candidates)])
        return Set((0..<rows.count).map { rows.int($0, 0) })
    }

    /// New members have read what was there before them.
    static func insert(
        _ userIDs: [Int64], role: GroupRole, into groupID: Int64, now: Int64, in transaction: Transaction
    ) async throws(DatabaseError) {
        guard !userIDs.isEmpty else { return }
        _ = try await transaction.query(
            """
            INSERT INTO members (group_id, user_id, role, joined_at)
            SELECT $1, u.id, $3, $4 FROM unnest($2::bigint[]) u(id)
            """, [.int(groupID), .ints(userIDs), .int(Int64(role.rawValue)), .int(now)])
        _ = try await transaction.query(
            """
            INSERT INTO read_marks (user_id, topic_id, read_seq)
            SELECT u.id, t.id, t.last_seq FROM topics t, unnest($2::bigint[]) u(id) WHERE t.id = $1 AND t.last_seq > 0
            ON CONFLICT (user_id, topic_id) DO UPDATE SET read_seq = excluded.read_seq
            """, [.int(groupID), .ints(userIDs)])
    }
}
