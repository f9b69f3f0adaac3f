extension GroupStore {
    package enum AddStatus: String, Sendable, CaseIterable {
        case added
        case alreadyMember = "already_member"
        case notFound = "not_found"
        case notFriend = "not_friend"
        case full
    }

    /// Adds friends of the caller's; the statuses stand in the order of `userIDs`.
    package func add(
        _ userIDs: [Int64], to groupID: Int64, by actorID: Int64
    ) async throws(DatabaseError) -> Outcome<[AddStatus]> {
        let context = context
        return try await context.change { transaction -> Change<Outcome<[AddStatus]>> in
            guard var group = try await Self.lock(groupID, for: actorID, in: transaction) else {
                return Change(result: .notFound)
            }
            guard group.myRole >= .admin else { return Change(result: .forbidden) }
            var (known, members) = try await Self.standing(of: userIDs, in: groupID, transaction)
            let friends = try await Self.friends(of: actorID, among: userIDs, in: transaction)
            var added: [Int64] = []
            let statuses = userIDs.map { user -> AddStatus in
                if members.contains(user) { return .alreadyMember }
                if !known.contains(user) { return .notFound }
                if !friends.contains(user) { return .notFriend }
                if group.memberCount >= Self.membersMax { return .full }
                members.insert(user)
                added.append(user)
                group.memberCount += 1
                return .added
            }
            guard !added.isEmpty else { return Change(result: .done(statuses)) }
            try await Self.insert(added, role: .member, into: groupID, now: context.now(), in: transaction)
            try await Self.setMemberCount(group, in: transaction)
            let topic = try await transaction.query("SELECT first_seq FROM topics WHERE id = $1", [.int(groupID)])
            let grown = group, firstSeq = topic.int(0, 0)
            return Change(
                result: .done(statuses),
                entries: added.flatMap { context.memberAdded($0, to: grown, firstSeq: firstSeq, by: actorID) })
        }
    }

    /// Writes down which entry made whom a member, once its number is known.
    static func noteJoins(_ entries: [LogEntry], in transaction: Transaction) async throws(DatabaseError) {
        var groups: [Int64] = [], users: [Int64] = [], seqs: [Int64] = []
        for entry in entries {
            guard case .memberAdded(let user, _, _, _) = entry.change else { continue }
            groups.append(entry.topic.id)
            users.append(user)
            seqs.append(entry.seq)
        }
        guard !users.isEmpty else { return }
        _ = try await transaction.query(
            """
            UPDATE members m SET joined_seq = j.seq FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) j (group_id, user_id, seq)
            WHERE m.group_id = j.group_id AND m.user_id = j.user_id
            """, [.ints(groups), .ints(users), .ints(seqs)])
    }

    /// Which of these users there are, and which are members.
    private static func standing(
        of userIDs: [Int64], in groupID: Int64, _ transaction: Transaction
    ) async throws(DatabaseError) -> (known: Set<Int64>, members: Set<Int64>) {
        let rows = try await transaction.query(
            """
            SELECT u.id, EXISTS (SELECT 1 FROM members m WHERE m.group_id = $1 AND m.user_id = u.id)
            FROM users u WHERE u.id = ANY ($2) AND u.disabled_at IS NULL
            """, [.int(groupID), .ints(userIDs)])
        var known: Set<Int64> = []
        var members: Set<Int64> = []
        for row in 0..<rows.count {
            known.insert(rows.int(row, 0))
            if rows.bool(row, 1) { members.insert(rows.int(row, 0)) }
        }
        return (known, members)
    }

    /// Takes somebody out; who names itself leaves.
    package func remove(
        _ userID: Int64, from groupID: Int64, by actorID: Int64
    ) async throws(DatabaseError) -> Outcome<Void> {
        guard userID != actorID else { return try await leave(groupID, by: actorID) }
        let context = context
        return try await context.change { transaction -> Change<Outcome<Void>> in
            guard var group = try await Self.lock(groupID, for: actorID, in: transaction) else {
                return Change(result: .notFound)
            }
            guard group.myRole >= .admin else { return Change(result: .forbidden) }
            guard let role = try await Self.role(of: userID, in: groupID, transaction) else {
                return Change(result: .noSuchMember)
            }
            guard group.myRole > role else { return Change(result: .forbidden) }
            group.memberCount -= 1
            try await Self.delete(userID, from: group, in: transaction)
            return Change(
                result: .done(()),
                entries: [
                    context.member(userID, of: groupID, op: "removed", by: actorID, .memberRemoved(user: userID)),
                    context.groupRemoved(groupID, to: userID, reason: "removed", by: actorID),
                ])
        }
    }

    /// The owner can leave only an otherwise empty group, which then ends.
    package func leave(_ groupID: Int64, by userID: Int64) async throws(DatabaseError) -> Outcome<Void> {
        let context = context
        return try await context.change { transaction -> Change<Outcome<Void>> in
            guard var group = try await Self.lock(groupID, for: userID, in: transaction) else {
                return Change(result: .notFound)
            }
            if group.myRole == .owner {
                guard group.memberCount == 1 else { return Change(result: .lastOwner) }
                return try await Self.ending(group, by: userID, context, in: transaction)
            }
            group.memberCount -= 1
            try await Self.delete(userID, from: group, in: transaction)
            return Change(
                result: .done(()),
                entries: [
                    context.member(userID, of: groupID, op: "left", by: userID, .memberRemoved(user: userID)),
                    context.groupRemoved(groupID, to: userID, reason: "removed", by: userID),
                ])
        }
    }

    /// Only the owner gives roles; giving away its own makes it an admin.
    package func setRole(
        _ role: GroupRole, of userID: Int64, in groupID: Int64, by actorID: Int64
    ) async throws(DatabaseError) -> Outcome<Member> {
        let context = context
        return try await context.change { transaction -> Change<Outcome<Member>> in
            guard let group = try await Self.lock(groupID, for: actorID, in: transaction) else {
                return Change(result: .notFound)
            }
            guard group.myRole == .owner else { return Change(result: .forbidden) }
            guard let old = try await Self.member(userID, of: groupID, in: transaction) else {
                return Change(result: .noSuchMember)
            }
            guard old.role != role else { return Change(result: .done(old)) }
            guard userID != actorID else { return Change(result: .lastOwner) }
            // The old owner first: there is never more than one.
            let changes = role == .owner ? [(actorID, GroupRole.admin), (userID, .owner)] : [(userID, role)]
            for (user, role) in changes {
                _ = try await transaction.query(
                    "UPDATE members SET role = $3 WHERE group_id = $1 AND user_id = $2",
                    [.int(groupID), .int(user), .int(Int64(role.rawValue))])
            }
            if role == .owner {
                _ = try await transaction.query(
                    "UPDATE groups SET owner_id = $2 WHERE id = $1", [.int(groupID), .int(userID)])
            }
            var member = old
            member.role = role
            return Change(
                result: .done(member),
                entries: changes.map { user, role in
                    context.member(
                        user, of: groupID, op: "role", role: role, by: actorID, .roleChanged(user: user, role: role))
                })
        }
    }

    private static func role(
        of userID: Int64, in groupID: Int64, _ transaction: Transaction
    ) async throws(DatabaseError) -> GroupRole? {
        let rows = try await transaction.query(
            "SELECT role FROM members WHERE group_id = $1 AND user_id = $2", [.int(groupID), .int(userID)])
        return rows.count == 0 ? nil : GroupRole(stored: rows.int(0, 0))
    }

    private static func member(
        _ userID: Int64, of groupID: Int64, in transaction: Transaction
    ) async throws(DatabaseError) -> Member? {
        let rows = try await transaction.query(
            """
            SELECT u.id, u.username, u.display_name, u.bio, u.avatar, u.owner_id, m.role, m.joined_at
            FROM members m JOIN users u ON u.id = m.user_id WHERE m.group_id = $1 AND m.user_id = $2
            """, [.int(groupID), .int(userID)])
        return rows.count == 0 ? nil : Member(rows, 0)
    }

    static func delete(
        _ userID: Int64, from group: Group, in transaction: Transaction
    ) async throws(DatabaseError) {
        _ = try await transaction.query(
            "DELETE FROM members WHERE group_id = $1 AND user_id = $2", [.int(group.id), .int(userID)])
        _ = try await transaction.query(
            "DELETE FROM read_marks WHERE topic_id = $1 AND user_id = $2", [.int(group.id), .int(userID)])
        try await setMemberCount(group, in: transaction)
    }

    static func setMemberCount(_ group: Group, in transaction: Transaction) async throws(DatabaseError) {
        _ = try await transaction.query(
            "UPDATE groups SET member_count = $2 WHERE id = $1", [.int(group.id), .int(group.memberCount)])
    }
}
