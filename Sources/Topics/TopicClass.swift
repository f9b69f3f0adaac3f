/// What a topic name means to the hub (protocol.md §1).
package enum TopicClass: Equatable, Sendable {
    case stored(TopicAddress)
    case typing(TopicAddress)
    case read(TopicAddress)
    case presence(user: Int64)
    /// `$SYS` and everything else that begins with `$`.
    case system
    /// The first level is the hub's own (`inbox`, `direct`, `group`, `presence`), the rest names nothing.
    case reserved
    case plain
}

/// The class of a topic name. The first byte settles it for nearly every plain topic.
package func classify(_ topic: Span<UInt8>) -> TopicClass {
    guard topic.count > 0 else { return .plain }
    switch topic[0] {
    case UInt8(ascii: "$"): return .system
    case UInt8(ascii: "i"): return Reserved.inbox.opens(topic) ? classifyInbox(topic) : .plain
    case UInt8(ascii: "d"): return Reserved.direct.opens(topic) ? classifyDirect(topic) : .plain
    case UInt8(ascii: "g"): return Reserved.group.opens(topic) ? classifyGroup(topic) : .plain
    case UInt8(ascii: "p"): return Reserved.presence.opens(topic) ? classifyPresence(topic) : .plain
    default: return .plain
    }
}

/// The first levels that only the hub's own rules open.
enum Reserved: CaseIterable {
    case inbox
    case direct
    case group
    case presence

    /// Whether the first level of `topic` is this one.
    func opens(_ topic: Span<UInt8>) -> Bool {
        switch self {
        case .inbox: Self.opens(topic, [0x69, 0x6E, 0x62, 0x6F, 0x78])
        case .direct: Self.opens(topic, [0x64, 0x69, 0x72, 0x65, 0x63, 0x74])
        case .group: Self.opens(topic, [0x67, 0x72, 0x6F, 0x75, 0x70])
        case .presence: Self.opens(topic, [0x70, 0x72, 0x65, 0x73, 0x65, 0x6E, 0x63, 0x65])
        }
    }

    @inline(__always)
    private static func opens<let count: Int>(_ topic: Span<UInt8>, _ name: InlineArray<count, UInt8>) -> Bool {
        guard topic.count >= count else { return false }
        for index in 0..<count where topic[index] != name[index] { return false }
        return topic.count == count || topic[count] == Level.separator
    }
}

private func classifyInbox(_ topic: Span<UInt8>) -> TopicClass {
    guard topic.count > 6, let user = Decimal.parse(topic, 6..<topic.count) else { return .reserved }
    return .stored(.inbox(user: user))
}

private func classifyDirect(_ topic: Span<UInt8>) -> TopicClass {
    guard let lowEnd = Level.end(in: topic, from: 7), let low = Decimal.parse(topic, 7..<lowEnd) else {
        return .reserved
    }
    guard let highEnd = Level.end(in: topic, from: lowEnd + 1),
        let high = Decimal.parse(topic, lowEnd + 1..<highEnd), low < high
    else { return .reserved }
    return classifySuffix(topic, from: highEnd, of: .direct(low: low, high: high))
}

private func classifyGroup(_ topic: Span<UInt8>) -> TopicClass {
    guard let end = Level.end(in: topic, from: 6), let id = Decimal.parse(topic, 6..<end) else { return .reserved }
    return classifySuffix(topic, from: end, of: .group(id))
}

private func classifyPresence(_ topic: Span<UInt8>) -> TopicClass {
    guard topic.count > 9, let user = Decimal.parse(topic, 9..<topic.count) else { return .reserved }
    return .presence(user: user)
}

/// Nothing, `/typing` or `/read` after a conversation.
private func classifySuffix(_ topic: Span<UInt8>, from start: Int, of address: TopicAddress) -> TopicClass {
    if start == topic.count { return .stored(address) }
    if Level.equal(topic, start + 1..<topic.count, Level.typing) { return .typing(address) }
    if Level.equal(topic, start + 1..<topic.count, Level.read) { return .read(address) }
    return .reserved
}
