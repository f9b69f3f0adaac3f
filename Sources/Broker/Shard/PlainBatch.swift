import MQTT

/// Messages of plain topics for another shard, in order. They share one buffer, and those that follow each other on one topic its name: to count
/// references to what two threads hold costs more than to copy it, and so does memory that one takes and the other gives back.
package struct PlainBatch: Sendable {
    struct Message {
        /// Index into `topics`.
        var topic: Int32
        /// In `bytes`.
        var payload: Range<Int>
        /// Raw MQTT 5 properties that go with it, in `bytes`.
        var forwarded: Range<Int>
        var qos: QoS
        var retain: Bool
        /// Unix milliseconds; 0: never.
        var expiresAt: Int64
        /// Of its entries in the logs that its publisher's shard knew; 0: there are none.
        var entryID: Int64
    }

    /// Another one is begun then: larger blocks of memory come from the kernel each time.
    private static let bytesMax = 64 * 1024
    private static let messagesMax = 2_048
    /// More full ones in a turn are too much for another shard.
    static let countMax = Limits.plainBacklogBytesMax / bytesMax

    private(set) var topics: [[UInt8]] = []
    private(set) var bytes: [UInt8] = []
    private(set) var messages: [Message] = []
    private var topicBytes = 0

    var isFull: Bool { bytes.count >= Self.bytesMax || messages.count >= Self.messagesMax }

    /// What it takes in memory.
    var heldBytes: Int { bytes.count + topicBytes + messages.count * MemoryLayout<Message>.stride }

    mutating func append(
        topic: [UInt8], payload: Span<UInt8>, forwarded: [UInt8], qos: QoS, retain: Bool, expiresAt: Int64,
        entryID: Int64 = 0
    ) {
        if topics.last != topic {
            topics.append(topic)
            topicBytes += topic.count
        }
        let start = bytes.count, end = start + payload.count
        bytes.append(copying: payload)
        bytes.append(contentsOf: forwarded)
        messages.append(
            Message(
                topic: Int32(topics.count - 1), payload: start..<end, forwarded: end..<bytes.count, qos: qos,
                retain: retain, expiresAt: expiresAt, entryID: entryID))
    }
}

extension [PlainBatch] {
    var heldBytes: Int { reduce(0) { $0 + $1.heldBytes } }

    mutating func append(
        topic: [UInt8], payload: Span<UInt8>, forwarded: [UInt8], qos: QoS, retain: Bool, expiresAt: Int64,
        entryID: Int64 = 0
    ) {
        if last?.isFull ?? true { append(PlainBatch()) }
        self[count - 1].append(
            topic: topic, payload: payload, forwarded: forwarded, qos: qos, retain: retain, expiresAt: expiresAt,
            entryID: entryID)
    }
}
