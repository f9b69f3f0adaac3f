import MQTT

/// A session's place in the log of one stored topic that its subscriptions cover.
struct LogCursor {
    /// The topic in the shard's table; -1: the slot is free.
    var topic: Int32
    var topicID: Int64
    /// The last entry that was written to the connection.
    var sent: Int64
    /// The last entry that the client has, for good: where a resumed session goes on.
    var acknowledged: Int64
    var qos: QoS
    /// In the session's list of those who have to read the log.
    var isBehind = false
    /// In the log of a plain filter, not of a topic.
    var isFilterLog = false
    /// Of its entries, how many the session has in flight.
    var inFlightCount: Int32 = 0
    var identifiers: [UInt32] = []

    static let free = LogCursor(topic: -1, topicID: 0, sent: 0, acknowledged: 0, qos: .atMostOnce)
}

/// What a session's matching filters add up to.
struct Coverage {
    var qos: QoS
    var identifiers: [UInt32]
}
