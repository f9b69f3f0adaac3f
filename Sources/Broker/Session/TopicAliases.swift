/// The topic aliases that the hub has set on one connection, 1 first (MQTT 5 §3.3.2.3.4).
///
/// A topic that is new takes the next free alias, and when there is none, the alias of a topic that was not used since the hand of the
/// clock last came by. It is looked for by comparing: there are few, and mostly it is the one before.
struct TopicAliases {
    /// 0: the client takes none.
    let maximum: UInt8
    private var topics: [[UInt8]] = []
    /// A bit for each alias that was used again since the hand passed it.
    private var isUsed: UInt64 = 0
    private var hand: UInt8 = 0
    private var last: UInt8 = 0

    /// - Parameter maximum: the client's.
    init(maximum: UInt16) {
        precondition(Limits.sentTopicAliasesMax <= UInt64.bitWidth, "each alias has a bit")
        self.maximum = UInt8(min(Int(maximum), Limits.sentTopicAliasesMax))
    }

    /// - Returns: an alias for the topic, and whether the next packet has to set it.
    mutating func alias(for topic: Span<UInt8>) -> (alias: UInt16, isNew: Bool) {
        precondition(maximum > 0)
        if let found = find(topic) {
            last = UInt8(found)
            isUsed |= 1 << UInt64(found)
            return (UInt16(found + 1), false)
        }
        let name = [UInt8](span: topic)
        if topics.count < maximum {
            last = UInt8(topics.count)
            topics.append(name)
        } else {
            while isUsed & 1 << UInt64(hand) != 0 {
                isUsed &= ~(1 << UInt64(hand))
                hand = (hand + 1) % maximum
            }
            last = hand
            topics[Int(hand)] = name
            hand = (hand + 1) % maximum
        }
        return (UInt16(last) + 1, true)
    }

    private func find(_ topic: Span<UInt8>) -> Int? {
        guard !topics.isEmpty else { return nil }
        if isEqual(Int(last), topic) { return Int(last) }
        return topics.indices.first { isEqual($0, topic) }
    }

    private func isEqual(_ index: Int, _ topic: Span<UInt8>) -> Bool {
        guard topics[index].count == topic.count else { return false }
        for place in topic.indices where topics[index][place] != topic[place] { return false }
        return true
    }
}
