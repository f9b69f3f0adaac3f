import Broker
import Synchronization
import Transport

/// Counts the calls of limited routes. The counts are this hub's and in memory: a restart forgets them.
final class RouteLimiter: Sendable {
    private enum Key: Hashable, Sendable {
        case user(Int64)
        case network(PeerAddress)
    }

    private struct State {
        var signUps: TokenBuckets<Key>
        var friendRequests: TokenBuckets<Key>
        var searches: TokenBuckets<Key>

        init(_ limits: RateLimits) {
            signUps = TokenBuckets(limits[.signUps])
            friendRequests = TokenBuckets(limits[.friendRequests])
            searches = TokenBuckets(limits[.searches])
        }
    }

    private let limits: RateLimits
    private let allowances: PublishAllowances
    private let now: @Sendable () -> Int64
    private let state: Mutex<State>

    /// - Parameter now: milliseconds of a clock that does not jump.
    init(_ limits: RateLimits, _ allowances: PublishAllowances, now: @escaping @Sendable () -> Int64) {
        self.limits = limits
        self.allowances = allowances
        self.now = now
        state = Mutex(State(limits))
    }

    /// Answers a call of a limited route if it may be made, and says in either case how many more may be.
    func limit(
        _ limit: RouteLimit, _ request: RestRequest, perform: () async -> HTTPResponse
    ) async throws(Problem) -> HTTPResponse {
        guard let rate = limits[limit.name] else { return await perform() }
        let (isTaken, quota) = take(limit, request)
        let headers = quota.headers(limit.name, rate)
        guard isTaken else {
            var problem = Problem.tooMany(afterMilliseconds: quota.waitMilliseconds)
            problem.headers += headers
            throw problem
        }
        var response = await perform()
        response.headers +=
            limit.counts(response) ? headers : giveBack(limit, request).headers(limit.name, rate)
        return response
    }

    private func take(_ limit: RouteLimit, _ request: RestRequest) -> (isTaken: Bool, quota: Quota) {
        let now = now()
        guard limit != .publishes else {
            let (isTaken, balance) = allowance(request, now: now).take(now: now)
            return (isTaken, Quota(balance))
        }
        return withBuckets(of: limit, request) { buckets, key in
            let isTaken = buckets.wait(key, now: now) == 0
            if isTaken { buckets.take(key, now: now) }
            return (isTaken, Quota(buckets, key, now: now))
        }
    }

    private func giveBack(_ limit: RouteLimit, _ request: RestRequest) -> Quota {
        let now = now()
        return withBuckets(of: limit, request) { buckets, key in
            buckets.giveBack(key, now: now)
            return Quota(buckets, key, now: now)
        }
    }

    private func allowance(_ request: RestRequest, now: Int64) -> PublishAllowance {
        guard let allowance = allowances.allowance(of: request.userID, now: now) else {
            preconditionFailure("both are made of the same limits")
        }
        return allowance
    }

    private func withBuckets<Result: Sendable>(
        of limit: RouteLimit, _ request: RestRequest,
        _ body: (inout TokenBuckets<Key>, Key) -> Result
    ) -> Result {
        state.withLock { state in
            switch limit {
            case .signUps: body(&state.signUps, .network(request.network))
            case .friendRequests: body(&state.friendRequests, .user(request.userID))
            case .searches: body(&state.searches, .user(request.userID))
            case .publishes: preconditionFailure("they count together with MQTT, and always")
            }
        }
    }
}

extension Quota {
    fileprivate init(_ balance: PublishAllowance.Balance) {
        self.init(
            remaining: balance.remaining, waitMilliseconds: balance.waitMilliseconds,
            fullMilliseconds: balance.fullMilliseconds)
    }

    fileprivate init<Key>(_ buckets: TokenBuckets<Key>, _ key: Key, now: Int64) {
        let (remaining, fullMilliseconds) = buckets.balance(key, now: now)
        self.init(
            remaining: remaining, waitMilliseconds: buckets.wait(key, now: now), fullMilliseconds: fullMilliseconds)
    }
}
