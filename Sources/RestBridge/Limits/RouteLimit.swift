import Broker
import Transport

/// How often a route may be called, as its declaration names it.
enum RouteLimit: Sendable {
    /// By address.
    case signUps
    /// By user.
    case friendRequests
    /// By user, over MQTT and REST together.
    case publishes
    /// By user.
    case searches

    var name: RateLimits.Name {
        switch self {
        case .signUps: .signUps
        case .friendRequests: .friendRequests
        case .publishes: .publishes
        case .searches: .searches
        }
    }

    /// Whether a call with this answer counts. Publishes and searches cost the hub the same whatever comes of them; of the others only what was
    /// asked for is scarce.
    func counts(_ response: HTTPResponse) -> Bool {
        switch self {
        case .publishes, .searches: true
        case .friendRequests: response.status == 201 && !response.isRepeated
        // A name that is taken counts too: names are not to be tried out.
        case .signUps: response.status == 201 || response.status == 409
        }
    }
}

/// Where a caller stands with a limit.
struct Quota: Sendable {
    var remaining: Int64
    /// Milliseconds until another call may be made; 0: now.
    var waitMilliseconds: Int64
    /// Milliseconds until all may be made again.
    var fullMilliseconds: Int64

    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). The bucket fills evenly: in the policy's window a whole one
    /// comes back, and `t` is when it is full.
    func headers(_ name: RateLimits.Name, _ rate: RateLimits.Rate) -> [(name: String, value: String)] {
        let policy = name.rawValue.replacing("_", with: "-")
        return [
            ("RateLimit", "\"\(policy)\";r=\(remaining);t=\((fullMilliseconds + 999) / 1_000)"),
            ("RateLimit-Policy", "\"\(policy)\";q=\(rate.burst);w=\(rate.windowSeconds)"),
        ]
    }
}
