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
        var isExactlyOnce: Bool
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

    /// For each home and group that has to hear of the session's end: the messages of QoS 2 that it has in flight.
    var involved: [TopicFilter: (home: Int, exactlyOnce: [Int64])] {
        var involved = memberships.mapValues { (home: $0.home, exactlyOnce: [Int64]()) }
        for item in items.values {
            involved[item.filter, default: (item.home, [])].exactlyOnce += item.isExactlyOnce ? [item.number] : []
        }
        return involved
    }
}
