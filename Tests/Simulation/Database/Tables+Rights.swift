import Topics

@testable import Persistence

// Members, friends, and the entries that announce what becomes of them: what REST does in one transaction.
extension Tables {
    /// An entry that a transaction appends with its other changes.
    mutating func append(
        _ topic: StoredTopic, _ kind: EntryKind, from sender: Int64, id: Int64, _ text: String,
        _ change: RightsChange? = nil
    ) -> LogEntry {
        let append = Append(
            topic: topic, id: id, senderID: sender, kind: kind, key: IdempotencyKey(entryID: id),
            suffix: Array(",\"body\":{\"text\":\"\(text)\"}}".utf8), change: change)
        do {
            let seq = try publish(PublishBatch([append]))[0]
            return LogEntry(append, seq: seq)
        } catch {
            preconditionFailure("a transaction knows its topics: \(error)")
        }
    }

    mutating func addMember(_ user: Int64, to group: Int64, ids: IDGenerator) -> [LogEntry] {
        let topic = StoredTopic(id: group, address: .group(group))
        let entry = append(
            topic, .member, from: 0, id: ids.next(), "added",
            .memberAdded(user: user, role: .member, announcement: false))
        members[group]![user] = Member(role: .member, joinedSeq: entry.seq)
        access[group]![user, default: []].append(Access(from: entry.seq))
        return [entry, append(inbox(user), .groupAdded, from: 0, id: ids.next(), "\(group)")]
    }

    mutating func removeMember(_ user: Int64, from group: Int64, ids: IDGenerator) -> [LogEntry] {
        let topic = StoredTopic(id: group, address: .group(group))
        let entry = append(topic, .member, from: 0, id: ids.next(), "removed", .memberRemoved(user: user))
        members[group]![user] = nil
        let last = access[group]![user]!.count - 1
        access[group]![user]![last].end = entry.seq
        return [entry, append(inbox(user), .groupRemoved, from: 0, id: ids.next(), "\(group)")]
    }

    /// The shards were told of these entries, or will read of them.
    mutating func noteTold(_ entries: [LogEntry], step: Int) {
        for entry in entries {
            guard case .memberRemoved(let user) = entry.change else { continue }
            let group = entry.topic.id
            for index in access[group]![user]!.indices where access[group]![user]![index].end == entry.seq {
                access[group]![user]![index].endStep = step
            }
        }
    }

    mutating func changeFriendship(ids: IDGenerator) -> [LogEntry] {
        areFriends.toggle()
        let end = logs[Self.direct.id]!.lastSeq
        return [Int64(1), 2].map { user in
            append(
                inbox(user), areFriends ? .friendAccepted : .friendRemoved, from: 3 - user, id: ids.next(), "\(user)",
                areFriends
                    ? .friendAdded(friend: 3 - user, topicID: Self.direct.id, lastSeq: end)
                    : .friendRemoved(friend: 3 - user))
        }
    }

    private func inbox(_ user: Int64) -> StoredTopic { StoredTopic(id: user, address: .inbox(user: user)) }

    /// Who may do what, in one snapshot.
    func rights(of user: Int64) -> UserRights? {
        guard Self.users.contains(user) else { return nil }
        let groups = Self.groups.compactMap { id in
            members[id]![user].map { member in
                UserRights.Group(
                    groupID: id, role: member.role, announcement: false, lastSeq: logs[id]!.lastSeq,
                    joinedSeq: member.joinedSeq, memberCount: Int64(members[id]!.count))
            }
        }
        let direct = UserRights.Direct(
            otherID: 3 - user, topicID: Self.direct.id, lastSeq: logs[Self.direct.id]!.lastSeq, writable: areFriends)
        return UserRights(
            userID: user, username: "user\(user)", isEnabled: true,
            inboxLastSeq: logs[user]!.lastSeq, groups: groups, directs: user <= 2 ? [direct] : [])
    }
}
