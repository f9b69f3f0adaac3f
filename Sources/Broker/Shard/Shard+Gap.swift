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
        for entry in entries { apply(entry, io: &io) }
        // The log tells what happened, not what it means for rights: who may be concerned connects again and has them loaded.
        guard let entry = entries.first(where: { $0.kind.changesRights }), let topic = topicIndex[entry.topic.id] else {
            return
        }
        for user in users.indices where readableTopics(of: Int32(user)).contains(topic) {
            for session in users[user].sessions {
                disconnect(session, .serverBusy, text: "rights are to be loaded again", io: &io)
            }
        }
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
