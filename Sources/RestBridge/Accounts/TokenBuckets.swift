/// How many attempts some key has left: a bucket of so many, filled up again one by one. Only keys whose bucket is not full take memory.
struct TokenBuckets<Key: Hashable & Sendable>: Sendable {
    struct Rate: Sendable {
        var capacity: Int64
        /// One token comes back in so many milliseconds.
        var refillMilliseconds: Int64
    }

    /// Above this the fuller half is forgotten: whoever wants to be forgotten has to make that many others fail.
    static var keysMax: Int { 100_000 }

    let rate: Rate
    /// When the bucket will be full again, in milliseconds: the whole state of a bucket in one number.
    private var fullAt: [Key: Int64] = [:]

    init(_ rate: Rate) {
        precondition(rate.capacity > 0 && rate.refillMilliseconds > 0)
        self.rate = rate
    }

    var count: Int { fullAt.count }

    /// Milliseconds until there is a token; 0: now.
    func wait(_ key: Key, now: Int64) -> Int64 {
        guard let fullAt = fullAt[key] else { return 0 }
        // Empty is a full capacity away from full; one token less than that is enough.
        return max(0, fullAt - now - (rate.capacity - 1) * rate.refillMilliseconds)
    }

    /// Takes a token that is there.
    mutating func take(_ key: Key, now: Int64) {
        if fullAt[key] == nil, fullAt.count >= Self.keysMax { makeRoom(now: now) }
        fullAt[key] = max(fullAt[key] ?? now, now) + rate.refillMilliseconds
    }

    mutating func giveBack(_ key: Key, now: Int64) {
        guard let time = fullAt[key] else { return }
        let earlier = time - rate.refillMilliseconds
        fullAt[key] = earlier > now ? earlier : nil
    }

    private mutating func makeRoom(now: Int64) {
        fullAt = fullAt.filter { $0.value > now }
        guard fullAt.count >= Self.keysMax else { return }
        let middle = fullAt.values.sorted()[fullAt.count / 2]
        fullAt = fullAt.filter { $0.value > middle }
    }
}
