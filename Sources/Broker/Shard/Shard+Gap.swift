import MQTT
import Persistence
import Topics
import Transport

// Repair of a topic whose entries are not all announced: a transaction was committed, and its connection broke before we were told.
extension Shard {
    /// Reads what has been missing for too long.
    mutating func readGaps(now: Int64) {
        for index in topics.indices {
            guard let last = topics[index].lastMissing, now - topics[index].earlySince >= Limits.gapMilliseconds else {
                continue
            }
            let topic = topics[index].topic, head = topics[index].head
            hub.services.logger.warning(
                "topic \(topic.id): entries \(head + 1) to \(last) were not announced; reading them")
            Task { [hub, index = self.index] in
                let entries = await hub.read(topic, after: head, limit: Int(min(last - head, 1_000)))
                hub.mailroom.post(.gapRead(topicID: topic.id, before: last + 1, entries), to: index)
            }
        }
    }

    /// - Parameter first: the entry before which something was missing when it was asked.
    mutating func fillGap(_ topicID: Int64, before first: Int64, _ entries: [LogEntry]?, io: inout Connections) {
        guard let entries, let topic = topicIndex[topicID] else { return }
        let next = min(first, entries.first?.seq ?? first), head = topics[Int(topic)].head
        // The log tells what happened, not what it means for rights: who may be concerned goes before anything is delivered, connects again
        // and has them loaded.
        if next > head + 1 || entries.contains(where: { $0.seq > head && $0.kind.changesRights }) {
            for user in users.indices where users[user].references > 0 {
                let isConcerned = !users[user].isReady || readableTopics(of: Int32(user)).contains(topic)
                if isConcerned { reloadRights(of: Int32(user), io: &io) }
            }
        }
        let isTrimmed = topicIndex[topicID] == topic && skipTrimmed(topic, before: next)
        for entry in entries { apply(entry, io: &io) }
        applyEarly(topicID, io: &io)
        guard isTrimmed, topicIndex[topicID] == topic else { return }
        for subscriber in topics[Int(topic)].subscribers { pump(subscriber.session, io: &io) }
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

    /// Entries that were not announced may have gone from the log meanwhile: the topic goes on behind them, and its readers learn of it there.
    /// - Returns: whether there were such.
    private mutating func skipTrimmed(_ topic: Int32, before next: Int64) -> Bool {
        guard next > topics[Int(topic)].head + 1 else { return false }
        topics[Int(topic)].skip(upTo: next - 1)
        for subscriber in topics[Int(topic)].subscribers
        where sessions[Int(subscriber.session)].cursors[Int(subscriber.cursor)].sent < next - 1 {
            markBehind(subscriber.session, subscriber.cursor)
        }
        return true
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
