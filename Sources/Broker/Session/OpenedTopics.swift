import Topics

/// Stored topics that an `acl` opens to a service which may not write there as a user: those that it has published to, and what waits
/// while one of them is looked up.
struct OpenedTopics {
    /// In the shard's table, each held there.
    private(set) var topics: [TopicAddress: Int32] = [:]
    /// What is being looked up, and the PUBLISH packets that wait for it, in order: a client's messages keep their order.
    private(set) var lookup: TopicAddress?
    private var waiting: [(packet: [UInt8], isAnswered: Bool)] = []

    var isWaiting: Bool { lookup != nil }

    /// Waiting packets that will be answered.
    var answersCount: Int { waiting.count { $0.isAnswered } }

    mutating func begin(_ address: TopicAddress) {
        precondition(lookup == nil, "one at a time")
        lookup = address
    }

    mutating func hold(_ packet: [UInt8], isAnswered: Bool) {
        precondition(isWaiting)
        waiting.append((packet, isAnswered))
    }

    /// - Parameter topic: where it stands in the shard's table; nil: there is no such topic.
    /// - Returns: the packets that waited.
    mutating func finish(_ topic: Int32?) -> [[UInt8]] {
        guard let address = lookup else { preconditionFailure("nothing is looked up") }
        lookup = nil
        topics[address] = topic
        defer { waiting = [] }
        return waiting.map(\.packet)
    }
}
