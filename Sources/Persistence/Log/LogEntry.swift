import Topics

/// What an entry of a log is; the raw value is stored in `messages.kind`.
package enum EntryKind: Int16, Sendable, CaseIterable {
    case message = 1
    case edit, delete, reaction
    case member, group
    case friendRequest, friendAccepted, friendRemoved
    case groupAdded, groupRemoved
    case mention
    /// A message of a plain topic, in the log of a filter.
    case plain

    /// Those of inboxes and conversations, which have envelopes and names.
    package static let ofTopics = allCases.filter { $0 != .plain }
}

/// A role in a group; the raw value is stored in `members.role`.
package enum GroupRole: Int16, Sendable, Comparable {
    case member = 1
    case admin, owner

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// How a committed entry changes who may do what. Every shard applies it in the order of the log, before delivering the entry,
/// so that live rights follow the same history that readers see. Indirect, since entries are copied a lot, and hardly any has one.
package indirect enum RightsChange: Sendable, Equatable {
    /// In a group's log. With the group's setting and the first entry of its log at that moment, for a shard that had no member of it
    /// until now.
    case memberAdded(user: Int64, role: GroupRole, announcement: Bool, firstSeq: Int64 = 1)
    case memberRemoved(user: Int64)
    case roleChanged(user: Int64, role: GroupRole)
    case announcementChanged(Bool)
    case groupEnded
    /// In an inbox's log: its owner and `friend` may now write to each other. `topicID` is their direct topic, `lastSeq` its end at that moment.
    case friendAdded(friend: Int64, topicID: Int64, lastSeq: Int64)
    case friendRemoved(friend: Int64)
}

/// A stored topic: its key in PostgreSQL and its name for clients. For inboxes and groups the key is the user's or group's id.
package struct StoredTopic: Hashable, Sendable {
    package var id: Int64
    package var address: TopicAddress

    package init(id: Int64, address: TopicAddress) {
        self.id = id
        self.address = address
    }
}

/// What an entry says about an earlier message of its topic.
package struct Annotation: Sendable, Equatable {
    package indirect enum Action: Sendable, Equatable {
        /// By the author, within 24 hours.
        case edit
        /// By the author, or by whoever may delete what others wrote. Its text, its edits and its reactions go.
        case delete(mayBeOthers: Bool)
        /// - Parameter isAdded: false: it is taken back.
        case reaction(emoji: [UInt8], isAdded: Bool)
    }

    /// Why it cannot be.
    package enum Flaw: Sendable, Equatable {
        /// No message has this `seq`, or it is deleted.
        case noSuchMessage
        case notTheAuthor
        case tooOld
    }

    /// The message's `seq`.
    package var target: Int64
    package var action: Action

    package init(target: Int64, action: Action) {
        precondition(target > 0)
        self.target = target
        self.action = action
    }
}

/// An entry on its way into a log.
package struct Append: Sendable {
    package var topic: StoredTopic
    /// The entry's id; its upper 41 bits are the time of acceptance, hence `sent_at`.
    package var id: Int64
    /// 0 is the hub itself.
    package var senderID: Int64
    package var kind: EntryKind
    /// What makes a repetition the same entry: derived from `client_ref`, else from `id` (see `IdempotencyKey`).
    package var key: IdempotencyKey
    /// The end of the envelope, from the comma before `"client_ref"` or `"body"` to the closing brace: all that columns do not tell.
    package var suffix: [UInt8]
    package var change: RightsChange?
    /// For an edit, a deletion or a reaction.
    package var annotation: Annotation?
    /// Attachments that a message names: whoever reads it may load them.
    package var attachments: [Int64] = []

    package init(
        topic: StoredTopic, id: Int64, senderID: Int64, kind: EntryKind, key: IdempotencyKey, suffix: [UInt8],
        change: RightsChange? = nil, annotation: Annotation? = nil
    ) {
        self.annotation = annotation
        self.topic = topic
        self.id = id
        self.senderID = senderID
        self.kind = kind
        self.key = key
        self.suffix = suffix
        self.change = change
    }
}

/// A committed entry of a log.
package struct LogEntry: Sendable {
    package var topic: StoredTopic
    /// 1, 2, 3, … without gaps, in commit order.
    package var seq: Int64
    package var id: Int64
    package var senderID: Int64
    package var kind: EntryKind
    package var suffix: [UInt8]
    package var change: RightsChange?

    package init(
        topic: StoredTopic, seq: Int64, id: Int64, senderID: Int64, kind: EntryKind, suffix: [UInt8],
        change: RightsChange? = nil
    ) {
        self.topic = topic
        self.seq = seq
        self.id = id
        self.senderID = senderID
        self.kind = kind
        self.suffix = suffix
        self.change = change
    }
}

/// 128 bits, unique with topic and sender in `messages`. The top bit tells a client's `client_ref` (SHA-256, truncated) from the
/// hub's own id, so that the two can never meet.
package struct IdempotencyKey: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// For an entry without `client_ref`: lets a batch in an unknown commit state be repeated safely.
    package init(entryID: Int64) {
        self.init(high: UInt64(entryID), low: 0)
    }
}

/// Gets every committed entry, from whichever connection committed it; per topic usually, but not always, in ascending order.
package protocol CommitObserver: Sendable {
    func committed(_ entries: [LogEntry])
}
