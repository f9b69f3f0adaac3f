import MQTT
import Persistence
import Topics
import Transport

// Repair of a topic whose entries are not all announced: a transaction was committed, and its connection broke before we were told.
extension Shard {
    /// Reads what has been missing for too long.
    mutating func readGaps(now: Int64) {
        for case let state? in topics {
            guard let last = state.lastMissing, now - state.earlySince >= Limits.gapMilliseconds else { continue }
            let topic = state.topic, head = state.head
            hub.services.logger.warning(
                "topic \(topic.id): entries \(head + 1) to \(last) were not announced; reading them")
            Task { [hub, index] in
                let entries = await hub.read(topic, after: head, limit: Int(min(last - head, 1_000)))
                hub.mailroom.post(.gapRead(entries), to: index)
            }
        }
    }

    mutating func fillGap(_ entries: [LogEntry], io: inout Connections) {
        // The log tells what happened, not what it means for rights: who may be concerned goes before anything is delivered, connects again
        // and has them loaded.
        if let entry = entries.first(where: { $0.kind.changesRights }), let topic = topicIndex[entry.topic.id],
            topics[Int(topic)]!.head < entry.seq
        {
            for user in users.indices where users[user].references > 0 {
                let isConcerned = !users[user].isReady || readableTopics(of: Int32(user)).contains(topic)
                if isConcerned { reloadRights(of: Int32(user), io: &io) }
            }
        }
        for entry in entries { apply(entry, io: &io) }
    }

    /// Sends a user's clients away. Those that come from now on find nothing of what is known here.
    private mutating func reloadRights(of user: Int32, io: inout Connections) {
        let text = "rights are to be loaded again"
        for session in users[Int(user)].sessions { disconnect(session, .serverBusy, text: text, io: &io) }
        let waiting = connecting.values.filter { $0.user == user }
        for client in waiting { refuseWaiting(client.claim.serial, .serverBusy, text: text, io: &io) }
        // Some may still hold it.
        if users[Int(user)].references > 0 { userIndex[users[Int(user)].id] = nil }
    }
}

extension EntryKind {
    /// Entries of this kind may come with a `RightsChange`.
    var changesRights: Bool {
        switch self {
        case .member, .group, .friendAccepted, .friendRemoved: true
        case .message, .edit, .delete, .reaction, .friendRequest, .groupAdded, .groupRemoved, .mention, .plain: false
        }
    }
}
