import Synchronization

/// What one user may publish, over MQTT on any shard and over REST together. The bucket is one number that all of them move, so there is no
/// lock, and no share of the rate that one shard has and another lacks.
package final class PublishAllowance: Sendable {
    /// What is left after a publish was counted.
    package struct Balance: Sendable, Equatable {
        /// Publishes that may follow at once; 0 also if some were made on credit.
        package var remaining: Int64
        /// Milliseconds until one more may follow; 0: now.
        package var waitMilliseconds: Int64
        /// Milliseconds until the bucket is full.
        package var fullMilliseconds: Int64
    }

    package let rate: RateLimits.Rate
    private let interval: Int64
    /// The moment at which the bucket is full again, in microseconds of the clock that does not jump. An empty one is a full capacity of
    /// intervals away from it; what is further away was taken on credit.
    private let fullAt = Atomic<Int64>(.min)

    init(_ rate: RateLimits.Rate) {
        self.rate = rate
        interval = rate.intervalMicroseconds
    }

    /// Counts a publish that is made in any case: if there is no token, it is taken from the future.
    /// - Parameter now: monotonic milliseconds.
    /// - Returns: milliseconds until the next may follow; 0: at once.
    func charge(now: Int64) -> Int64 {
        let now = now * 1_000
        var seen = fullAt.load(ordering: .relaxed)
        while true {
            let next = max(seen, now) + interval
            let (exchanged, original) = fullAt.weakCompareExchange(
                expected: seen, desired: next, ordering: .relaxed)
            if exchanged { return wait(next, now) }
            seen = original
        }
    }

    /// Counts a publish if there is a token for it.
    /// - Parameter now: monotonic milliseconds.
    /// - Returns: whether there was, and what is left.
    package func take(now: Int64) -> (isTaken: Bool, balance: Balance) {
        let now = now * 1_000
        var seen = fullAt.load(ordering: .relaxed)
        while true {
            guard wait(seen, now) == 0 else { return (false, balance(seen, now)) }
            let next = max(seen, now) + interval
            let (exchanged, original) = fullAt.weakCompareExchange(
                expected: seen, desired: next, ordering: .relaxed)
            if exchanged { return (true, balance(next, now)) }
            seen = original
        }
    }

    /// - Parameter now: monotonic milliseconds.
    /// - Returns: milliseconds until one more may follow; 0: now.
    func wait(now: Int64) -> Int64 { wait(fullAt.load(ordering: .relaxed), now * 1_000) }

    /// Nobody has to remember it.
    func isFull(now: Int64) -> Bool { fullAt.load(ordering: .relaxed) <= now * 1_000 }

    private func wait(_ fullAt: Int64, _ now: Int64) -> Int64 {
        guard fullAt > now else { return 0 }
        // One token less than the whole bucket is enough.
        return max(0, fullAt - now - (rate.burst - 1) * interval + 999) / 1_000
    }

    private func balance(_ fullAt: Int64, _ now: Int64) -> Balance {
        let missing = max(fullAt, now) - now
        let taken = (missing + interval - 1) / interval
        return Balance(
            remaining: max(0, rate.burst - taken), waitMilliseconds: wait(fullAt, now),
            fullMilliseconds: (missing + 999) / 1_000)
    }
}

/// The allowances of all users who have published lately. Asked once per connection and once per request, not per publish.
package final class PublishAllowances: Sendable {
    private struct State {
        var byUser: [Int64: PublishAllowance] = [:]
        /// With so many, those that are full and that nobody holds are forgotten.
        var purgeCount = PublishAllowances.purgeCountMin
    }

    private static let purgeCountMin = 1_024

    private let rate: RateLimits.Rate?
    private let state = Mutex(State())

    /// - Parameter rate: nil: everybody may publish as much as they like.
    package init(_ rate: RateLimits.Rate?) { self.rate = rate }

    /// - Parameter now: monotonic milliseconds.
    /// - Returns: nil: there is no limit.
    package func allowance(of userID: Int64, now: Int64) -> PublishAllowance? {
        guard let rate else { return nil }
        return state.withLock { state in
            if let known = state.byUser[userID] { return known }
            if state.byUser.count >= state.purgeCount { Self.purge(&state, now: now) }
            let new = PublishAllowance(rate)
            state.byUser[userID] = new
            return new
        }
    }

    var count: Int { state.withLock { $0.byUser.count } }

    /// One that a connection still holds must stay, or the user would have two.
    private static func purge(_ state: inout State, now: Int64) {
        for user in Array(state.byUser.keys) {
            guard isKnownUniquelyReferenced(&state.byUser[user]), state.byUser[user]?.isFull(now: now) == true else {
                continue
            }
            state.byUser[user] = nil
        }
        state.purgeCount = max(purgeCountMin, 2 * state.byUser.count)
    }
}
