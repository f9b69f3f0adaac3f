/// The message that a plain topic keeps for whoever subscribes later (MQTT 5 §3.3.1.3).
package struct RetainedMessage: Sendable, Equatable {
    package var topic: [UInt8]
    /// Empty: the topic keeps nothing.
    package var payload: [UInt8]
    package var qos: UInt8
    /// Raw MQTT 5 properties that go with it, without the message expiry.
    package var properties: [UInt8]
    /// Unix milliseconds; 0: never.
    package var expiresAt: Int64

    package init(topic: [UInt8], payload: [UInt8], qos: UInt8 = 0, properties: [UInt8] = [], expiresAt: Int64 = 0) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.properties = properties
        self.expiresAt = expiresAt
    }

    package var isNone: Bool { payload.isEmpty }
}

/// A place in the order of all retained topics: by the first 512 bytes of their names, then by hash.
package struct RetainedPosition: Sendable, Equatable {
    /// An index entry has room for so many bytes of a name, and few names are longer.
    package static let placeBytesMax = 512

    package var place: [UInt8]
    /// SHA-256 of the topic; empty: before all topics of that place.
    package var hash: [UInt8]

    package init(place: [UInt8], hash: [UInt8]) {
        self.place = place
        self.hash = hash
    }
}

/// The topics that begin alike, which is where a filter's matches are.
package struct RetainedRange: Sendable, Equatable {
    /// Where it begins.
    package var start: RetainedPosition
    /// The first place behind it.
    package var end: [UInt8]

    /// - Parameter prefix: how the topics begin; empty: all topics.
    package init(prefix: some Sequence<UInt8>) {
        let place = Array(prefix.prefix(RetainedPosition.placeBytesMax))
        start = RetainedPosition(place: place, hash: [])
        // Topics are UTF-8, in which no byte is 0xFF.
        end = place.isEmpty ? [0xFF] : place
        if let last = place.last { end[end.count - 1] = last + 1 }
    }
}

/// Topics in their order, as a part of a walk.
package struct RetainedTopics: Sendable, Equatable {
    package var topics: [[UInt8]]
    /// Where the walk goes on; nil: this was the end.
    package var next: RetainedPosition?

    package init(topics: [[UInt8]], next: RetainedPosition?) {
        self.topics = topics
        self.next = next
    }
}

/// What was asked for, as far as one answer goes.
package struct RetainedPage: Sendable, Equatable {
    /// Of the topics that keep one.
    package var messages: [RetainedMessage]
    /// So many of the topics, the first ones, are answered.
    package var answeredCount: Int

    package init(messages: [RetainedMessage], answeredCount: Int) {
        self.messages = messages
        self.answeredCount = answeredCount
    }
}
