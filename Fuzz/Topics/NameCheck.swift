import FuzzSupport
import Topics

/// What filters and names say about themselves and one another.
struct NameCheck {
    let user: Int64
    private var filters: [(filter: TopicFilter, naive: NaiveFilter)] = []
    private var topics: [[UInt8]] = []
    private static let comparedMax = 5

    init(user: Int64) { self.user = user }

    /// nil: it is none, and the specification says so too.
    mutating func filter(_ text: [UInt8]) -> TopicFilter? {
        let naive = NaiveFilter(text)
        guard let filter = try? TopicFilter(validating: text) else {
            expect(naive == nil, "a good filter is refused: \(text)")
            return nil
        }
        guard let naive else { fatalError("a bad filter is accepted: \(text)") }
        expectEqual(filter.hasWildcards, naive.hasWildcards, "wildcards")
        expectEqual(filter.isShared, naive.shareName != nil, "a share")
        expectEqual(filter.shareName, naive.shareName, "the share's name")
        let rest = Array(naive.levels.joined(separator: [UInt8(ascii: "/")]))
        expectEqual(Array(filter.bytes[filter.start...]), rest, "the filter itself")
        expectEqual(filter.unshared.bytes, rest, "the filter without its share")
        if filters.count < Self.comparedMax { filters.append((filter, naive)) }
        return filter
    }

    mutating func topic(_ topic: [UInt8]) {
        let kind = classify(topic.span)
        expectEqual(kind, naiveClass(topic), "the class of \(topic)")
        let address = TopicAddress(parsing: topic.span)
        if case .stored(let stored) = kind {
            expectEqual(address, stored, "the address")
            var name: [UInt8] = []
            stored.appendName(to: &name)
            expect(name == topic && Array(stored.name.utf8) == topic, "two names for one topic")
        } else {
            expect(address == nil, "an address of no stored topic")
        }
        if topics.count < Self.comparedMax { topics.append(topic) }
    }

    func checkAll() {
        guard !filters.isEmpty else { return }
        let readable = readableTopics()
        for (filter, naive) in filters {
            checkReach(filter, naive)
            let isCovering = readable.contains { naive.matches($0) }
            expectEqual(couldCover(filter, user: user), isCovering, "couldCover of \(filter), \(user)")
            for other in filters { checkCoverage(filter, naive, other.filter, other.naive) }
        }
    }

    private func checkReach(_ filter: TopicFilter, _ naive: NaiveFilter) {
        for topic in topics where naive.matches(splitLevels(topic)) {
            let isReached =
                switch naiveClass(topic) {
                case .system: filter.reachesSystem
                case .plain: filter.reachesPlain
                default: filter.reachesReserved
                }
            expect(isReached, "\(filter) does not know that it matches \(topic)")
        }
    }

    /// A filter covers another exactly if no witness escapes.
    private func checkCoverage(
        _ cover: TopicFilter, _ naiveCover: NaiveFilter, _ filter: TopicFilter, _ naive: NaiveFilter
    ) {
        let name = unusedName(naiveCover)
        let escapes = naive.witnesses(depthMax: naiveCover.levels.count + 1, name: name).contains {
            !naiveCover.matches($0)
        }
        expectEqual(cover.covers(filter), !escapes, "\(cover) covers \(filter)")
    }

    private func unusedName(_ filter: NaiveFilter) -> [UInt8] {
        let longest = filter.levels.map(\.count).max() ?? 0
        return [UInt8](repeating: UInt8(ascii: "z"), count: longest + 1)
    }

    /// Every topic that the user could ever read and whose ids one of the filters could mean.
    private func readableTopics() -> [[[UInt8]]] {
        var ids: Set<Int64> = [1, user, .max]
        if user < .max { ids.insert(user + 1) }
        if user > 1 { ids.insert(user - 1) }
        for (_, naive) in filters { ids.formUnion(naive.levels.compactMap(naiveID)) }
        func level(_ id: Int64) -> [UInt8] { Array(String(id).utf8) }
        var topics: [[[UInt8]]] = [[Array("inbox".utf8), level(user)]]
        let suffixes = [Array("typing".utf8), Array("read".utf8)]
        for id in ids {
            topics.append([Array("presence".utf8), level(id)])
            var conversations = [[Array("group".utf8), level(id)]]
            if id != user { conversations.append([Array("direct".utf8), level(min(id, user)), level(max(id, user))]) }
            for conversation in conversations { topics += [conversation] + suffixes.map { conversation + [$0] } }
        }
        return topics
    }
}
