/// What a token's `acl` claim allows on plain topics (protocol.md §4). `deny` wins; without an allowing pattern nothing
/// is allowed.
///
/// The rules know nothing of reserved topics and `$SYS`: the caller classifies first.
package struct AccessRules: Sendable {
    private var publish: [TopicFilter] = []
    private var subscribe: [TopicFilter] = []
    private var deny: [TopicFilter] = []
    /// A `deny` that can't be understood must not be ignored.
    private var deniesAll = false

    /// `${sub}` becomes the user's id, `${clientid}` the client identifier. An allowing pattern whose value is not
    /// safe, that names another variable or is no filter grants nothing. A denying one then denies more: its level for
    /// any value, or everything.
    package init(
        publish: [String], subscribe: [String], all: [String], deny: [String], userID: Int64, clientID: [UInt8]
    ) {
        let values = PatternValues(userID: userID, clientID: clientID)
        self.publish = (publish + all).compactMap { values.allowing($0) }
        self.subscribe = (subscribe + all).compactMap { values.allowing($0) }
        for pattern in deny {
            if let filter = values.denying(pattern) { self.deny.append(filter) } else { deniesAll = true }
        }
    }

    /// Whether a pattern is a filter once its variables are filled in with values that are safe.
    package static func isPattern(_ pattern: String) -> Bool {
        PatternValues(userID: 1, clientID: [UInt8(ascii: "c")]).allowing(pattern) != nil
    }

    /// For `--anonymous`: every plain topic.
    package static let everything = AccessRules(
        publish: [], subscribe: [], all: ["#"], deny: [], userID: 0, clientID: [])
    /// A token without an `acl` claim.
    package static let nothing = AccessRules(
        publish: [], subscribe: [], all: [], deny: [], userID: 0, clientID: [])

    /// Whether there is any topic that may be received.
    package var allowsSubscriptions: Bool { !subscribe.isEmpty && !deniesAll }

    package func mayPublish(_ topic: Span<UInt8>) -> Bool { isMatched(publish, topic) && !isDenied(topic) }

    /// Whether a message may be delivered: a filter that was granted may contain denied topics.
    package func mayReceive(_ topic: Span<UInt8>) -> Bool { isMatched(subscribe, topic) && !isDenied(topic) }

    /// Some allowing pattern covers the whole filter, without its share name, and no denying one does.
    package func maySubscribe(_ filter: TopicFilter) -> Bool {
        subscribe.contains { $0.covers(filter) } && !deniesAll && !deny.contains { $0.covers(filter) }
    }

    private func isDenied(_ topic: Span<UInt8>) -> Bool { deniesAll || isMatched(deny, topic) }

    private func isMatched(_ filters: [TopicFilter], _ topic: Span<UInt8>) -> Bool {
        for filter in filters where filter.matches(topic) { return true }
        return false
    }
}
