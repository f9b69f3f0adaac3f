import JSON
import Persistence
import Topics
import Transport

// `message_notification` (protocol.md §2 "Signals"): sessions that cover their inbox, but not a conversation, hear that something came in it.
extension Shard {
    // MARK: Who is concerned

    /// A session has got a cursor in a topic, or lost it: who is to be notified of it is found anew when something comes.
    mutating func forgetWatchers(of topic: Int32, _ session: Int32) {
        topics[Int(topic)].watchers = nil
        let user = sessions[Int(session)].user
        guard user >= 0, users[Int(user)].isReady, users[Int(user)].inbox == topic else { return }
        for other in readableTopics(of: user) { topics[Int(other)].watchers = nil }
    }

    /// Users with a session that covers its inbox but not the topic.
    private mutating func watchers(of topic: Int32) -> [Int32] {
        if let watchers = topics[Int(topic)].watchers { return watchers }
        let watchers = topics[Int(topic)].readers.filter { user in
            users[Int(user)].sessions.contains { watches(topic, $0) }
        }
        topics[Int(topic)].watchers = watchers
        return watchers
    }

    private func watches(_ topic: Int32, _ session: Int32) -> Bool {
        let user = sessions[Int(session)].user
        guard user >= 0 else { return false }
        let inbox = users[Int(user)].inbox
        var isListening = false
        for cursor in sessions[Int(session)].cursors {
            if cursor.topic == topic { return false }
            if cursor.topic == inbox { isListening = true }
        }
        return isListening && topic != inbox
    }

    /// A message was committed. Costs a look at an empty list where nobody is to be notified.
    mutating func noteForNotices(_ entry: LogEntry, in topic: Int32, now: Int64) {
        guard entry.kind == .message else { return }
        if topics[Int(topic)].memberCount <= Limits.noticeMembersMax {
            for user in watchers(of: topic) { note(entry, for: user, now: now) }
            return
        }
        for id in entry.mentions {
            guard let user = userIndex[id], readableTopic(entry.topic.address, user) == topic,
                users[Int(user)].sessions.contains(where: { watches(topic, $0) })
            else { continue }
            note(entry, for: user, now: now)
        }
    }

    private mutating func note(_ entry: LogEntry, for user: Int32, now: Int64) {
        let id = users[Int(user)].id
        guard id != entry.senderID else { return }
        notices.note(Notices.Pair(userID: id, topicID: entry.topic.id), now: now)
    }

    // MARK: Asking

    /// Asks for the state of conversations that are due.
    mutating func askForNotices() {
        let pairs = notices.takeDue()
        guard !pairs.isEmpty else { return }
        Task { [hub, index] in
            do {
                let unread = try await hub.services.unread.unread(pairs.map { ($0.userID, $0.topicID) })
                hub.mailroom.post(.unread(unread, session: nil), to: index)
            } catch {
                hub.services.logger.warning("\(pairs.count) notifications could not be made: \(error)")
                hub.mailroom.post(.unread([], session: nil), to: index)
            }
        }
    }

    /// SUBACK is sent: if its filters cover the inbox, the session hears of what is unread elsewhere.
    mutating func replayUnread(_ filters: [TopicFilter], to session: Int32) {
        let user = sessions[Int(session)].user
        guard user >= 0, users[Int(user)].isReady else { return }
        let inbox = topics[Int(users[Int(user)].inbox)].name
        guard filters.contains(where: { $0.matches(inbox.span) }) else { return }
        askForUnread(sessions[Int(session)].unreadQuestions.want([users[Int(user)].id]), for: session)
    }

    /// - Parameter users: the session's own, or nobody.
    private func askForUnread(_ users: [Int64], for session: Int32) {
        guard let id = users.first else { return }
        let token = sessionToken(session)
        Task { [hub, index] in
            var unread: [UnreadConversation] = []
            do {
                unread = try await hub.services.unread.unread(of: id, limit: Limits.noticesAtSubscribeMax)
            } catch {
                hub.services.logger.warning("a client could not be told of what is unread: \(error)")
            }
            hub.mailroom.post(.unread(unread, session: token), to: index)
        }
    }

    // MARK: Telling

    /// - Parameter token: the session that asked by SUBSCRIBE; nil: the answer to what was due.
    mutating func deliver(_ unread: [UnreadConversation], to token: UInt64?, io: inout Connections) {
        if token == nil { notices.isAsking = false }
        let asking = token.flatMap { session(of: $0) }
        guard token == nil || asking != nil else { return }
        if let asking { askForUnread(sessions[Int(asking)].unreadQuestions.answered(), for: asking) }
        for conversation in unread {
            guard let user = userIndex[conversation.userID],
                let topic = readableTopic(conversation.topic.address, user)
            else { continue }
            if token != nil {
                let pair = Notices.Pair(userID: conversation.userID, topicID: conversation.topic.id)
                guard notices.mayTell(pair, now: io.now) else { continue }
            }
            let signal = Signal(conversation)
            frames.reset()
            for session in users[Int(user)].sessions
            where watches(topic, session) && (asking == nil || asking == session) {
                deliver(signal, to: session, retain: false, io: &io)
            }
        }
    }
}

extension LogEntry {
    /// Whom a message mentions. Most mention nobody, and are not parsed for that.
    fileprivate var mentions: [Int64] {
        guard suffix.contains("\"mentions\":".utf8),
            let value = try? JSONValue(parsing: [UInt8(ascii: "{")] + suffix.dropFirst()),
            case .array(let ids)? = value["body"]?["mentions"]
        else { return [] }
        return ids.compactMap { $0.string.flatMap { Int64($0) } }
    }
}

extension [UInt8] {
    fileprivate func contains(_ text: String.UTF8View) -> Bool {
        let text = Array(text), last = count - text.count
        return last >= 0
            && (0...last).contains { self[$0] == text[0] && self[$0..<$0 + text.count].elementsEqual(text) }
    }
}
