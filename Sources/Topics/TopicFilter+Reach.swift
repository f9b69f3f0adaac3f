/// Which parts of the topic space a filter can match at all, whoever subscribes.
extension TopicFilter {
    /// Any topic whose first level is `inbox`, `direct`, `group` or `presence`.
    package var reachesReserved: Bool {
        let filter = bytes.span.extracting(start..<bytes.count)
        return beginsWithWildcard || Reserved.allCases.contains { $0.opens(filter) }
    }

    /// Any topic that begins with `$`.
    package var reachesSystem: Bool { bytes[start] == UInt8(ascii: "$") }

    /// Any plain topic.
    package var reachesPlain: Bool { beginsWithWildcard || !reachesReserved && !reachesSystem }

    private var beginsWithWildcard: Bool { bytes[start] == Level.single || bytes[start] == Level.multi }
}

/// Whether `filter` could match a stored, typing, read or presence topic that this user could ever read, as friendships
/// and memberships come (protocol.md §1, "Filters").
package func couldCover(_ filter: TopicFilter, user: Int64) -> Bool {
    let shapes: [[LevelShape]] = [
        [.name("inbox"), .id(user)],
        [.name("presence"), .anyID],
        [.name("group"), .anyID], [.name("group"), .anyID, .name("typing")], [.name("group"), .anyID, .name("read")],
        [.name("direct"), .id(user), .idAbove(user)], [.name("direct"), .idBelow(user), .id(user)],
        [.name("direct"), .id(user), .idAbove(user), .name("typing")],
        [.name("direct"), .id(user), .idAbove(user), .name("read")],
        [.name("direct"), .idBelow(user), .id(user), .name("typing")],
        [.name("direct"), .idBelow(user), .id(user), .name("read")],
    ]
    return shapes.contains { filter.couldMatch($0) }
}

/// What one level of a topic may be.
private enum LevelShape {
    case name(String)
    case anyID
    case id(Int64)
    case idBelow(Int64)
    case idAbove(Int64)

    /// Whether anything has this shape at all.
    var isPossible: Bool {
        switch self {
        case .name, .anyID: true
        case .id(let id): id > 0
        case .idBelow(let id): id > 1
        case .idAbove(let id): id < .max
        }
    }

    func includes(_ filter: Span<UInt8>, _ level: Range<Int>) -> Bool {
        if case .name(let name) = self {
            return name.utf8.count == level.count && zip(name.utf8, level).allSatisfy { $0 == filter[$1] }
        }
        guard let value = Decimal.parse(filter, level) else { return false }
        switch self {
        case .name, .anyID: return true
        case .id(let id): return value == id
        case .idBelow(let id): return value < id
        case .idAbove(let id): return value > id
        }
    }
}

extension TopicFilter {
    /// Whether some topic of these levels is matched.
    fileprivate func couldMatch(_ shape: [LevelShape]) -> Bool {
        guard shape.allSatisfy(\.isPossible) else { return false }
        let filter = bytes.span.extracting(start..<bytes.count)
        var position = 0
        for level in shape {
            guard let end = Level.end(in: filter, from: position) else { return false }
            if Level.isWildcard(filter, position..<end, Level.multi) { return true }
            let isSingle = Level.isWildcard(filter, position..<end, Level.single)
            guard isSingle || level.includes(filter, position..<end) else { return false }
            position = end + 1
        }
        guard let end = Level.end(in: filter, from: position) else { return true }
        return Level.isWildcard(filter, position..<end, Level.multi)
    }
}
