import Topics

// The specification's rules level by level: slow, and easy to believe.

func splitLevels(_ text: [UInt8]) -> [[UInt8]] {
    text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Array($0) }
}

/// MQTT 5 §4.7 and §4.8.2.
struct NaiveFilter {
    static let single = Array("+".utf8), multi = Array("#".utf8)
    var shareName: [UInt8]?
    /// Without the share.
    var levels: [[UInt8]]

    init?(_ text: [UInt8]) {
        guard 1...65_535 ~= text.count, !text.contains(0) else { return nil }
        levels = splitLevels(text)
        if levels[0] == Array("$share".utf8) {
            guard levels.count > 2, !levels[1].isEmpty, levels[2...] != [[]],
                !levels[1].contains(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") })
            else { return nil }
            shareName = levels[1]
            levels.removeFirst(2)
        }
        for (index, level) in levels.enumerated() {
            if level.contains(UInt8(ascii: "#")), level != Self.multi || index != levels.count - 1 { return nil }
            if level.contains(UInt8(ascii: "+")), level != Self.single { return nil }
        }
        if hasWildcards, levels.count > TopicFilter.wildcardLevelsMax { return nil }
    }

    var hasWildcards: Bool { levels.contains { $0 == Self.single || $0 == Self.multi } }

    func matches(_ topic: [[UInt8]]) -> Bool {
        if levels[0] == Self.single || levels[0] == Self.multi, topic[0].first == UInt8(ascii: "$") { return false }
        for (index, level) in levels.enumerated() {
            if level == Self.multi { return topic.count >= index }
            guard index < topic.count, level == Self.single || level == topic[index] else { return false }
        }
        return levels.count == topic.count
    }

    /// Topics that the filter matches: what one of them needs not match, another filter does not cover. Wildcards are filled with a name
    /// that no filter has, `#` with up to so many levels.
    func witnesses(depthMax: Int, name: [UInt8]) -> [[[UInt8]]] {
        let filled = levels.map { $0 == Self.single ? name : $0 }
        guard levels.last == Self.multi else { return [filled] }
        return (0...depthMax).map { filled.dropLast() + [[UInt8]](repeating: name, count: $0) }
            .filter { !$0.isEmpty && $0 != [[]] }
    }
}

/// Canonical decimal above zero.
func naiveID(_ level: [UInt8]) -> Int64? {
    guard let first = level.first, 0x31...0x39 ~= first, level.count < 20 else { return nil }
    let text = String(decoding: level, as: UTF8.self)
    guard let value = Int64(text), value > 0, String(value) == text else { return nil }
    return value
}

/// protocol.md §1.
func naiveClass(_ topic: [UInt8]) -> TopicClass {
    if topic.first == UInt8(ascii: "$") { return .system }
    let parts = splitLevels(topic).map { String(decoding: $0, as: UTF8.self) }
    let ids = splitLevels(topic).map(naiveID)
    func id(_ index: Int) -> Int64? { index < ids.count ? ids[index] : nil }
    func conversation(_ address: TopicAddress, _ suffix: ArraySlice<String>) -> TopicClass {
        switch suffix {
        case []: .stored(address)
        case ["typing"]: .typing(address)
        case ["read"]: .read(address)
        default: .reserved
        }
    }
    switch parts[0] {
    case "inbox": return parts.count == 2 ? id(1).map { .stored(.inbox(user: $0)) } ?? .reserved : .reserved
    case "presence": return parts.count == 2 ? id(1).map { .presence(user: $0) } ?? .reserved : .reserved
    case "group":
        guard let group = id(1) else { return .reserved }
        return conversation(.group(group), parts[2...])
    case "direct":
        guard let low = id(1), let high = id(2), low < high else { return .reserved }
        return conversation(.direct(low: low, high: high), parts[3...])
    default: return .plain
    }
}
