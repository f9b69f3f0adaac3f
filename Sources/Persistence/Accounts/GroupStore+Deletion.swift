import Topics

extension GroupStore {
    /// Takes a deleted account out of a group. One that it owns passes to the longest-serving admin, else member (rest.md); where nobody
    /// else is, it ends.
    func abandon(_ groupID: Int64, by userID: Int64) async throws(DatabaseError) {
        let context = context
        try await context.change { transaction -> Change<Void> in
            guard var group = try await Self.lock(groupID, for: userID, in: transaction) else {
                return Change(result: ())
            }
            var successor: Int64?
            if group.myRole == .owner {
                successor = try await Self.successor(of: userID, in: groupID, transaction)
                guard successor != nil else {
                    let ending = try await Self.ending(group, by: userID, context, in: transaction)
                    return Change(result: (), entries: ending.entries, endedGroup: ending.endedGroup)
                }
            }
            group.memberCount -= 1
            try await Self.delete(userID, from: group, in: transaction)
            var entries: [Append] = []
            if let successor {
                try await Self.crown(successor, in: groupID, transaction)
                entries.append(
                    context.member(
                        successor, of: groupID, op: "role", role: .owner, by: userID,
                        .roleChanged(user: successor, role: .owner)))
            }
            entries.append(
                context.member(userID, of: groupID, op: "left", by: userID, .memberRemoved(user: userID)))
            return Change(result: (), entries: entries)
        }
    }

    /// Somebody whose account is closed comes after all others.
    private static func successor(
        of ownerID: Int64, in groupID: Int64, _ transaction: Transaction
    ) async throws(DatabaseError) -> Int64? {
        let rows = try await transaction.query(
            """
            SELECT m.user_id FROM members m JOIN users u ON u.id = m.user_id
            WHERE m.group_id = $1 AND m.user_id <> $2
            ORDER BY u.disabled_at IS NOT NULL, m.role DESC, m.joined_at, m.user_id LIMIT 1
            """, [.int(groupID), .int(ownerID)])
        return rows.count == 0 ? nil : rows.int(0, 0)
    }

    private static func crown(
        _ userID: Int64, in groupID: Int64, _ transaction: Transaction
    ) async throws(DatabaseError) {
        _ = try await transaction.query(
            "UPDATE members SET role = 3 WHERE group_id = $1 AND user_id = $2", [.int(groupID), .int(userID)])
        _ = try await transaction.query(
            "UPDATE groups SET owner_id = $2 WHERE id = $1", [.int(groupID), .int(userID)])
    }
}
