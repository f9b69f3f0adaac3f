/// How many attempts some key has left: a bucket of so many, filled up again one by one. Only keys whose bucket is not full take memory.
package struct TokenBuckets<Key: Hashable & Sendable>: Sendable {
    struct Rate: Sendable {
        var capacity: Int64
        /// One token comes back in so many microseconds.
        var refillMicroseconds: Int64

        init(capacity: Int64, refillMilliseconds: Int64) {
            self.capacity = capacity
            refillMicroseconds = refillMilliseconds * 1_000
        }

        init(_ rate: RateLimits.Rate) {
            capacity = rate.burst
            refillMicroseconds = rate.intervalMicroseconds
        }
    }

    /// Above this the fuller half is forgotten: whoever wants to be forgotten has to make that many others fail.
    static var keysMax: Int { 100_000 }

    /// nil: there is always a token.
    private let rate: Rate?
    /// When the bucket will be full again, in microseconds: the whole state of a bucket in one number.
    private var fullAt: [Key: Int64] = [:]

    init(_ rate: Rate?) {
        precondition(rate.map { $0.capacity > 0 && $0.refillMicroseconds > 0 } ?? true)
        self.rate = rate
    }

    package init(_ rate: RateLimits.Rate?) { self.init(rate.map(Rate.init)) }

    var count: Int { fullAt.count }

    /// Milliseconds until there is a token; 0: now.
    package func wait(_ key: Key, now: Int64) -> Int64 {
        guard let rate, let fullAt = fullAt[key] else { return 0 }
        // Empty is a full capacity away from full; one token less than that is enough.
        return max(0, fullAt - now * 1_000 - (rate.capacity - 1) * rate.refillMicroseconds + 999) / 1_000
    }

    /// What is left in a bucket, and the milliseconds until it is full.
    package func balance(_ key: Key, now: Int64) -> (remaining: Int64, fullMilliseconds: Int64) {
        guard let rate else { return (.max, 0) }
        let missing = max(0, (fullAt[key] ?? 0) - now * 1_000)
        let taken = (missing + rate.refillMicroseconds - 1) / rate.refillMicroseconds
        return (max(0, rate.capacity - taken), (missing + 999) / 1_000)
    }

    /// Takes a token that is there.
    package mutating func take(_ key: Key, now: Int64) {
        guard let rate else { return }
        if fullAt[key] == nil, fullAt.count >= Self.keysMax { makeRoom(now: now) }
        fullAt[key] = max(fullAt[key] ?? 0, now * 1_000) + rate.refillMicroseconds
    }

    package mutating func giveBack(_ key: Key, now: Int64) {
        guard let rate, let time = fullAt[key] else { return }
        let earlier = time - rate.refillMicroseconds
        fullAt[key] = earlier > now * 1_000 ? earlier : nil
    }

    private mutating func makeRoom(now: Int64) {
        fullAt = fullAt.filter { $0.value > now * 1_000 }
        guard fullAt.count >= Self.keysMax else { return }
        let middle = fullAt.values.sorted()[fullAt.count / 2]
        fullAt = fullAt.filter { $0.value > middle }
    }
}
