/// An invitation to a group, as its admins see it. Who has the code may join.
package struct Invite: Sendable, Equatable {
    package var id: Int64
    package var code: String
    package var groupID: Int64
    package var creatorID: Int64
    /// Unix milliseconds.
    package var expiresAt: Int64
    /// nil: any number.
    package var usesLeft: Int64?

    /// Reads `id, code, group_id, creator_id, expires_at, uses_left`.
    init(_ rows: Rows, _ row: Int) {
        id = rows.int(row, 0)
        code = rows.text(row, 1)
        groupID = rows.int(row, 2)
        creatorID = rows.int(row, 3)
        expiresAt = rows.int(row, 4)
        usesLeft = rows.isNull(row, 5) ? nil : rows.int(row, 5)
    }
}

/// Invitations. Whatever changes one locks the group's row first, as every change of a group does: so the last use is given once.
package struct InviteStore: Sendable {
    /// Live ones at once, of one group.
    package static let invitesMax: Int64 = 100
    /// For how long one that is over is still known, so that it is told apart from one that never was.
    private static let rememberedMilliseconds: Int64 = 90 * 86_400_000

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    // MARK: Admins

    package enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        /// No such group, not one of the caller's, or it has no such invitation.
        case notFound
        /// A member without the role.
        case forbidden
        case tooMany
    }

    /// - Parameters:
    ///   - code: nobody can guess it.
    ///   - expiresAt: Unix milliseconds.
    ///   - uses: how many may join; nil: any number.
    package func create(
        code: String, expiresAt: Int64, uses: Int64?, groupID: Int64, by userID: Int64
    ) async throws(DatabaseError) -> Outcome<Invite> {
        let context = context
        return try await context.change { transaction -> Change<Outcome<Invite>> in
            guard let group = try await GroupStore.lock(groupID, for: userID, in: transaction) else {
                return Change(result: .notFound)
            }
            guard group.myRole >= .admin else { return Change(result: .forbidden) }
            let count = try await transaction.query(
                "SELECT count(*) FROM group_invites i WHERE i.group_id = $1 AND confab_invite_is_live(i, $2)",
                [.int(groupID), .int(context.now())])
            guard count.int(0, 0) < Self.invitesMax else { return Change(result: .tooMany) }
            let rows = try await transaction.query(
                """
                INSERT INTO group_invites (id, code, group_id, creator_id, expires_at, uses_left)
                VALUES ($1, $2, $3, $4, $5, $6::bigint)
                RETURNING id, code, group_id, creator_id, expires_at, uses_left
                """,
                [
                    .int(context.ids.next()), .text(code), .int(groupID), .int(userID), .int(expiresAt),
                    uses.map { .int($0) } ?? .null,
                ])
            return Change(result: .done(Invite(rows, 0)))
        }
    }

    /// Live invitations with an id above `cursor`, ascending.
    package func invites(
        of groupID: Int64, for userID: Int64, after cursor: Int64, limit: Int
    ) async throws(DatabaseError) -> Outcome<[Invite]> {
        let rows = try await context.database.query(
            """
            SELECT i.id, i.code, i.group_id, i.creator_id, i.expires_at, i.uses_left, m.role > 1 FROM members m
            LEFT JOIN LATERAL (SELECT * FROM group_invites i
                WHERE m.role > 1 AND i.group_id = m.group_id AND i.id > $3 AND confab_invite_is_live(i, $4)
                ORDER BY i.id LIMIT $5) i ON true
            WHERE m.group_id = $1 AND m.user_id = $2 ORDER BY i.id
            """, [.int(groupID), .int(userID), .int(cursor), .int(context.now()), .int(Int64(limit))])
        guard rows.count > 0 else { return .notFound }
        guard rows.bool(0, 6) else { return .forbidden }
        return .done(rows.isNull(0, 0) ? [] : (0..<rows.count).map { Invite(rows, $0) })
    }

    /// Revoking one that is over changes nothing.
    package func revoke(
        _ code: String, of groupID: Int64, by userID: Int64
    ) async throws(DatabaseError) -> Outcome<Void> {
        let context = context
        return try await context.change { transaction -> Change<Outcome<Void>> in
            guard let group = try await GroupStore.lock(groupID, for: userID, in: transaction) else {
                return Change(result: .notFound)
            }
            guard group.myRole >= .admin else { return Change(result: .forbidden) }
            let rows = try await transaction.query(
                "UPDATE group_invites SET revoked_at = coalesce(revoked_at, $3) WHERE code = $1 AND group_id = $2",
                [.text(code), .int(groupID), .int(context.now())])
            return Change(result: rows.affected == 1 ? .done(()) : .notFound)
        }
    }

    // MARK: Those who are invited

    package enum Invitation<Value: Sendable>: Sendable {
        case good(Value)
        /// There never was one with this code, or too long ago.
        case notFound
        /// It has expired, is used up or revoked, or the group has ended.
        case over
        /// The group has as many members as one may have.
        case full
    }

    /// What somebody who has the code sees of the group.
    package struct Preview: Sendable, Equatable {
        package var name: String
        package var picture: Int64?
        package var memberCount: Int64
    }

    package func preview(_ code: String) async throws(DatabaseError) -> Invitation<Preview> {
        let rows = try await context.database.query(
            """
            SELECT g.id IS NOT NULL AND confab_invite_is_live(i, $2), g.name, g.picture, g.member_count
            FROM group_invites i LEFT JOIN groups g ON g.id = i.group_id WHERE i.code = $1
            """, [.text(code), .int(context.now())])
        guard rows.count == 1 else { return .notFound }
        guard rows.bool(0, 0) else { return .over }
        return .good(
            Preview(
                name: rows.text(0, 1), picture: rows.isNull(0, 2) ? nil : rows.int(0, 2), memberCount: rows.int(0, 3)))
    }

    /// Who is a member already stays one, and no use is taken: so a repeated call answers the same.
    package func accept(_ code: String, by userID: Int64) async throws(DatabaseError) -> Invitation<Group> {
        let context = context
        return try await context.change { transaction -> Change<Invitation<Group>> in
            let found = try await transaction.query(
                "SELECT group_id FROM group_invites WHERE code = $1", [.text(code)])
            guard found.count == 1 else { return Change(result: .notFound) }
            let groupID = found.int(0, 0)
            if let mine = try await GroupStore.lock(groupID, for: userID, in: transaction) {
                return Change(result: .good(mine))
            }
            let rows = try await transaction.query(
                """
                SELECT g.id, g.name, g.picture, g.announcement, g.owner_id, g.member_count, g.version, 1, t.first_seq
                FROM group_invites i JOIN groups g ON g.id = i.group_id JOIN topics t ON t.id = g.id
                WHERE i.code = $1 AND confab_invite_is_live(i, $2)
                """, [.text(code), .int(context.now())])
            guard rows.count == 1 else { return Change(result: .over) }
            var group = Group(rows, 0)
            guard group.memberCount < GroupStore.membersMax else { return Change(result: .full) }
            _ = try await transaction.query(
                "UPDATE group_invites SET uses_left = uses_left - 1 WHERE code = $1", [.text(code)])
            group.memberCount += 1
            try await GroupStore.insert([userID], role: .member, into: groupID, now: context.now(), in: transaction)
            try await GroupStore.setMemberCount(group, in: transaction)
            return Change(
                result: .good(group),
                entries: context.memberAdded(userID, to: group, firstSeq: rows.int(0, 8), by: userID, op: "joined"))
        }
    }

    /// - Returns: how many that were over long ago are forgotten.
    package func purgeOver() async throws(DatabaseError) -> Int {
        try await context.database.query(
            "DELETE FROM group_invites WHERE expires_at <= $1",
            [.int(context.now() - Self.rememberedMilliseconds)]
        ).affected
    }
}
