import Topics

@testable import Persistence

// What others than the clients of the hub do: REST changes rights and publishes, in transactions of its own.
extension Run {
    func changeRights() {
        guard database.isUp else { return }
        if world.random.happens(200) {
            announcements.append(database.tables.changeFriendship(ids: hub.ids))
            world.note("friends", database.tables.areFriends ? 1 : 0)
            return
        }
        let group = world.random.pick(Tables.volatileGroups), user = Int64(world.random.number(in: 1...4))
        if database.tables.members[group]![user] == nil {
            world.note("added", Int(user), Int(group), "user \(user) to group \(group)")
            announcements.append(database.tables.addMember(user, to: group, ids: hub.ids))
        } else {
            world.note("removed", Int(user), Int(group), "user \(user) from group \(group)")
            announcements.append(database.tables.removeMember(user, from: group, ids: hub.ids))
        }
    }

    func commitOutside() {
        guard database.isUp else { return }
        let topics = database.tables.logs.values.map(\.topic).filter { topic in
            if case .filterLog = topic.address { false } else { true }
        }
        announcements.append([outsideEntry(world.random.pick(topics.sorted { $0.id < $1.id }))])
    }

    func outsideEntry(_ topic: StoredTopic) -> LogEntry {
        world.note("outside", Int(topic.id), 0, "an entry of \(topic)")
        return database.tables.append(topic, .message, from: 3, id: hub.ids.next(), "outside")
    }

    /// One of the transactions tells the shards what it has committed.
    func announce() {
        guard !announcements.isEmpty else { return }
        let entries = announcements.remove(at: world.random.below(announcements.count))
        world.note("announced", entries.count, 0, "\(entries.map { "\($0.topic) \($0.seq)" })")
        hub.mailroom.committed(entries)
        database.tables.noteTold(entries, step: world.step)
    }
}
