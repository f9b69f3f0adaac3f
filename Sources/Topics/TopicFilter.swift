/// Why a string is no topic filter, or none that this server takes.
package enum FilterError: Error, Equatable, Sendable {
    case empty
    case tooLong
    case containsNUL
    /// A wildcard that is not a level of its own, or `#` before the end (MQTT 5 §4.7.1).
    case misplacedWildcard
    /// `$share` without a name or without a filter, or a name with a wildcard (§4.8.2).
    case badShare
    /// More than `TopicFilter.wildcardLevelsMax` levels and a wildcard among them.
    case tooManyLevels
}

/// A valid topic filter (MQTT 5 §4.7), with or without `$share/{name}/` before it. Its UTF-8 was checked when it was
/// read.
package struct TopicFilter: Hashable, Sendable {
    /// As subscribed, `$share/{name}/` included.
    package let bytes: [UInt8]
    /// Where the filter itself begins.
    package let start: Int
    package let hasWildcards: Bool

    /// Each level of a filter with wildcards is a node of the index, many times the size of the two bytes it may cost
    /// the client. Filters without wildcards have no limit but that of a string.
    package static let wildcardLevelsMax = 128

    package init(validating bytes: [UInt8]) throws(FilterError) {
        if bytes.isEmpty { throw .empty }
        if bytes.count > 65_535 { throw .tooLong }
        start = try Self.shareLength(bytes.span)
        hasWildcards = try Self.checkLevels(bytes.span, from: start)
        self.bytes = bytes
    }

    package var isShared: Bool { start > 0 }

    package var shareName: [UInt8]? { isShared ? Array(bytes[7..<start - 1]) : nil }

    /// The filter without `$share/{name}/`; itself if it is not shared.
    package var unshared: TopicFilter {
        guard isShared else { return self }
        return TopicFilter(bytes: Array(bytes[start...]), hasWildcards: hasWildcards)
    }

    private init(bytes: [UInt8], hasWildcards: Bool) {
        self.bytes = bytes
        self.start = 0
        self.hasWildcards = hasWildcards
    }

    /// Bytes of `$share/{name}/`, 0 if that is not how it begins [MQTT-4.8.2-1] [MQTT-4.8.2-2].
    private static func shareLength(_ bytes: Span<UInt8>) throws(FilterError) -> Int {
        let prefix: InlineArray<6, UInt8> = [0x24, 0x73, 0x68, 0x61, 0x72, 0x65]  // "$share"
        guard let prefixEnd = Level.end(in: bytes, from: 0), Level.equal(bytes, 0..<prefixEnd, prefix) else { return 0 }
        guard let nameEnd = Level.end(in: bytes, from: prefixEnd + 1), nameEnd > prefixEnd + 1,
            nameEnd + 1 < bytes.count
        else { throw .badShare }
        for index in prefixEnd + 1..<nameEnd where bytes[index] == Level.single || bytes[index] == Level.multi {
            throw .badShare
        }
        return nameEnd + 1
    }

    /// Whether there are wildcards, all in their places [MQTT-4.7.1-1] [MQTT-4.7.1-2].
    private static func checkLevels(_ bytes: Span<UInt8>, from start: Int) throws(FilterError) -> Bool {
        var hasWildcards = false
        var levelsCount = 1
        for index in 0..<bytes.count where bytes[index] == 0 { throw .containsNUL }
        for index in start..<bytes.count {
            let byte = bytes[index]
            if byte == Level.separator { levelsCount += 1 }
            guard byte == Level.single || byte == Level.multi else { continue }
            let isAtLevelStart = index == start || bytes[index - 1] == Level.separator
            let isAtEnd = index + 1 == bytes.count
            let isAtLevelEnd = isAtEnd || bytes[index + 1] == Level.separator
            guard isAtLevelStart, byte == Level.multi ? isAtEnd : isAtLevelEnd else { throw .misplacedWildcard }
            hasWildcards = true
        }
        if hasWildcards, levelsCount > wildcardLevelsMax { throw .tooManyLevels }
        return hasWildcards
    }

    /// Whether the filter, without its share name, matches a topic name (§4.7); one pass over both, whatever they hold.
    package func matches(_ topic: Span<UInt8>) -> Bool {
        let filter = bytes.span.extracting(start..<bytes.count)
        if !hasWildcards { return Level.equal(filter, 0..<filter.count, topic, 0..<topic.count) }
        // Wildcards at the beginning don't match topics that begin with `$` [MQTT-4.7.2-1].
        if topic.count > 0, topic[0] == UInt8(ascii: "$"), filter[0] == Level.single || filter[0] == Level.multi {
            return false
        }
        var filterIndex = 0
        var topicIndex = 0
        while filterIndex < filter.count {
            let byte = filter[filterIndex]
            if byte == Level.multi { return true }
            if byte == Level.single {
                while topicIndex < topic.count, topic[topicIndex] != Level.separator { topicIndex += 1 }
                filterIndex += 1
                continue
            }
            guard topicIndex < topic.count else {
                // The last level of the topic is matched: `/#` includes the parent (§4.7.1.2).
                return byte == Level.separator && filterIndex + 2 == filter.count
                    && filter[filterIndex + 1] == Level.multi
            }
            guard topic[topicIndex] == byte else { return false }
            filterIndex += 1
            topicIndex += 1
        }
        return topicIndex == topic.count
    }
}
