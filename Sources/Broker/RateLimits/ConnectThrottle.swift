import Synchronization
import Transport

/// Counts CONNECTs whose token is not good, by the limits of log-in (security.md "Log-in"). Who has a good one is let in, however many fail
/// beside it: unlike a password, a token can't be guessed, and nobody is to be shut out by a device with the same address or user name.
final class ConnectThrottle: Sendable {
    /// No user name or id is longer. What is longer counts by its beginning, so that nobody fills the memory with it.
    private static let usernameBytesMax = 64

    private struct Pair: Hashable {
        var username: [UInt8]
        var network: PeerAddress
    }

    private struct State {
        var pairs: TokenBuckets<Pair>
        var networks: TokenBuckets<PeerAddress>
        /// Over all addresses.
        var usernames: TokenBuckets<[UInt8]>
    }

    private let state: Mutex<State>

    init(_ limits: RateLimits) {
        state = Mutex(
            State(
                pairs: TokenBuckets(limits[.loginFailures]), networks: TokenBuckets(limits[.loginFailuresOfAddress]),
                usernames: TokenBuckets(limits[.loginFailuresOfAccount])))
    }

    /// Counts a failure, unless it is one too many.
    /// - Parameters:
    ///   - username: as the client gave it; empty or nil: only the address counts.
    ///   - now: monotonic milliseconds.
    /// - Returns: false: it is one too many.
    func countFailure(_ username: [UInt8]?, from peer: PeerAddress, now: Int64) -> Bool {
        let username = Array((username ?? []).prefix(Self.usernameBytesMax))
        let network = peer.network, pair = Pair(username: username, network: peer.network)
        return state.withLock { state in
            guard state.networks.wait(network, now: now) == 0 else { return false }
            if !username.isEmpty {
                guard state.pairs.wait(pair, now: now) == 0, state.usernames.wait(username, now: now) == 0 else {
                    return false
                }
                state.pairs.take(pair, now: now)
                state.usernames.take(username, now: now)
            }
            state.networks.take(network, now: now)
            return true
        }
    }
}
