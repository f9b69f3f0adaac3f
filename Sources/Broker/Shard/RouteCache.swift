/// Where topics lead: matched once for all who publish to them, here and on other shards, and good until a subscription changes.
struct RouteCache {
    private static let topicsMax = 1_024
    /// Of all routes together; 40 bytes each.
    private static let targetsMax = 65_536

    private var routes: [[UInt8]: Route] = [:]
    private var targetsCount = 0
    /// Of the shard's index.
    private var generation: UInt32 = 0
    /// A publisher's messages come one after the other, and share their topic's bytes.
    private var last = Route()

    /// nil: it has to be found.
    mutating func route(of topic: [UInt8], generation: UInt32) -> Route? {
        guard generation == self.generation else { return nil }
        if topic == last.topic { return last }
        guard let route = routes[topic] else { return nil }
        last = route
        return route
    }

    mutating func keep(_ route: Route) {
        if route.generation != generation || routes.count >= Self.topicsMax || targetsCount >= Self.targetsMax {
            routes.removeAll(keepingCapacity: true)
            targetsCount = 0
            generation = route.generation
        }
        routes[route.topic] = route
        targetsCount += route.targets.count
        last = route
    }
}
