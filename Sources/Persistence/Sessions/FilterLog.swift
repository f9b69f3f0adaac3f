import Topics

/// The log of a plain filter: what is published at QoS 1 or 2 on the topics that it matches, for persistent sessions.
package struct FilterLog: Sendable, Equatable {
    package var topicID: Int64
    /// As subscribed.
    package var filter: [UInt8]
    /// When it was read.
    package var lastSeq: Int64
    /// Of a shared subscription: what its members have done with when it was read.
    package var consumption: Consumption

    package init(topicID: Int64, filter: [UInt8], lastSeq: Int64, consumption: Consumption = Consumption()) {
        self.topicID = topicID
        self.filter = filter
        self.lastSeq = lastSeq
        self.consumption = consumption
    }

    package var topic: StoredTopic { StoredTopic(id: topicID, address: .filterLog(topicID)) }

    /// Whether members of a shared subscription read it together.
    package var isShared: Bool { (try? TopicFilter(validating: filter))?.isShared ?? false }
}
