import Topics

extension StoredTopic {
    package static func inbox(of user: Int64) -> StoredTopic { StoredTopic(id: user, address: .inbox(user: user)) }
    package static func group(_ group: Int64) -> StoredTopic { StoredTopic(id: group, address: .group(group)) }
    package static func direct(_ one: Int64, _ other: Int64, id: Int64) -> StoredTopic {
        StoredTopic(id: id, address: .direct(between: one, and: other))
    }
}

extension TopicAddress {
    /// The conversation of two users.
    package static func direct(between one: Int64, and other: Int64) -> TopicAddress {
        precondition(one != other)
        return .direct(low: min(one, other), high: max(one, other))
    }
}

/// `topics.kind`.
package enum TopicKind: Int16, Sendable, CaseIterable {
    case inbox = 1
    case direct, group
    /// The log of a filter on plain topics.
    case filter
}
