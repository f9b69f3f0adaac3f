import MQTT
import Topics

/// What a session has to do with shared subscriptions. Empty for nearly all sessions, and it costs them nothing.
struct SessionShares {
    struct Membership {
        var options: SubscriptionOptions
        /// 0: none.
        var identifier: UInt32
        var home: Int
        /// Why it refused the last message, for as long as the home believes that it stands in the way.
        var obstacle: ShareRefusal?
    }

    /// A message of QoS 1 or 2 that was sent and whose delivery is not complete.
    struct Item {
        var filter: TopicFilter
        var home: Int
        var number: Int64
        /// nil: it did not come from a log.
        var entry: SharedMessage.Entry?
        var isExactlyOnce: Bool
        /// The session's, with which it is saved that a message of QoS 2 is its own.
        var revision: UInt32
    }

    private(set) var memberships: [TopicFilter: Membership] = [:]
    /// By packet identifier.
    private var items: [UInt16: Item] = [:]
    private var obstaclesCount = 0

    var isEmpty: Bool { memberships.isEmpty && items.isEmpty }
    var hasItems: Bool { !items.isEmpty }
    var hasObstacles: Bool { obstaclesCount > 0 }

    /// True: new; false: it replaced the options of the same subscription.
    mutating func join(_ filter: TopicFilter, _ membership: Membership) -> Bool {
        precondition(membership.obstacle == nil)
        guard let old = memberships.updateValue(membership, forKey: filter) else { return true }
        if old.obstacle != nil { obstaclesCount -= 1 }
        return false
    }

    /// - Returns: nil: it was not subscribed.
    mutating func detach(_ filter: TopicFilter) -> Membership? {
        guard let membership = memberships.removeValue(forKey: filter) else { return nil }
        if membership.obstacle != nil { obstaclesCount -= 1 }
        return membership
    }

    mutating func setObstacle(_ obstacle: ShareRefusal?, _ filter: TopicFilter) {
        guard let old = memberships[filter] else { return }
        memberships[filter]?.obstacle = obstacle
        obstaclesCount += (obstacle == nil ? 0 : 1) - (old.obstacle == nil ? 0 : 1)
    }

    mutating func sent(_ item: Item, as packetID: UInt16) {
        precondition(items[packetID] == nil, "an identifier is free when it is given")
        items[packetID] = item
    }

    /// - Returns: nil: the message came by another subscription.
    mutating func settled(_ packetID: UInt16) -> Item? { items.removeValue(forKey: packetID) }

    /// The place in a group's log of what was sent under an identifier.
    func entry(_ packetID: UInt16) -> SharedMessage.Entry? { items[packetID]?.entry }

    /// Packet identifiers of messages of QoS 2 that are not saved as the session's own.
    func unsaved(savedRevision: UInt32) -> [UInt16] {
        // Revisions wrap around; no session has 2^31 changes on the way.
        items.filter { $1.isExactlyOnce && Int32(bitPattern: $1.revision &- savedRevision) > 0 }.map(\.key)
    }

    /// For each home and group that has to hear of the session's end: the messages of QoS 2 that it has in flight.
    /// - Parameter unsaved: those under these identifiers are not its own.
    func involved(except unsaved: Set<UInt16>) -> [TopicFilter: (home: Int, exactlyOnce: [Int64])] {
        var involved = memberships.mapValues { (home: $0.home, exactlyOnce: [Int64]()) }
        for (packetID, item) in items {
            involved[item.filter, default: (item.home, [])].exactlyOnce +=
                item.isExactlyOnce && !unsaved.contains(packetID) ? [item.number] : []
        }
        return involved
    }
}
