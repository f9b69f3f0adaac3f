import Broker
import Synchronization
import Transport

/// Limits how fast passwords and codes are guessed (security.md "Log-in", "TOTP"). Only failures count: who begins takes a token, who
/// succeeds gives it back. Names that nobody has are counted like others, so that a limit tells nothing about them.
final class LoginThrottle: Sendable {
    /// No user name and no address has more bytes. What is longer counts by its beginning, so that nobody fills the memory with it.
    private static let accountBytesMax = 254

    private struct Pair: Hashable {
        var account: String
        var network: PeerAddress
    }

    private struct State {
        var pairs: TokenBuckets<Pair>
        var networks: TokenBuckets<PeerAddress>
        /// Over all addresses.
        var accounts: TokenBuckets<String>
        /// Codes of second factors, by user.
        var factors: TokenBuckets<Int64>
        /// Mailed codes that were wrong, by address.
        var codes: TokenBuckets<PeerAddress>
        /// Mails asked for by an address.
        var mails: TokenBuckets<PeerAddress>

        init(_ limits: RateLimits) {
            pairs = TokenBuckets(limits[.loginFailures])
            networks = TokenBuckets(limits[.loginFailuresOfAddress])
            accounts = TokenBuckets(limits[.loginFailuresOfAccount])
            factors = TokenBuckets(limits[.factorFailures])
            codes = TokenBuckets(limits[.mailedCodeFailures])
            mails = TokenBuckets(limits[.mails])
        }
    }

    /// Tokens that were taken for one attempt.
    struct Attempt: Sendable {
        fileprivate var account: String
        fileprivate var network: PeerAddress
        /// The account's own bucket was empty, and did not count.
        fileprivate var isKnownNetwork: Bool
    }

    enum Verdict: Sendable {
        case go(Attempt)
        /// Only the account's bucket over all addresses is empty: does the user know this network?
        case ifKnown
        /// Milliseconds.
        case wait(Int64)
    }

    private let now: @Sendable () -> Int64
    private let state: Mutex<State>

    /// - Parameter now: milliseconds of a clock that does not jump.
    init(_ limits: RateLimits, now: @escaping @Sendable () -> Int64) {
        state = Mutex(State(limits))
        self.now = now
    }

    // MARK: Passwords

    /// Before a password is looked at.
    /// - Parameters:
    ///   - account: as given, in lower case.
    ///   - isKnownNetwork: the user has logged in from there within 30 days.
    func begin(_ account: String, from network: PeerAddress, isKnownNetwork: Bool = false) -> Verdict {
        let account = Self.key(account)
        let attempt = Attempt(account: account, network: network, isKnownNetwork: isKnownNetwork)
        let pair = Pair(account: account, network: network), now = now()
        return state.withLock { state in
            let wait = max(state.pairs.wait(pair, now: now), state.networks.wait(network, now: now))
            guard wait == 0 else { return .wait(wait) }
            let wide = state.accounts.wait(account, now: now)
            guard wide == 0 || isKnownNetwork else { return .ifKnown }
            state.pairs.take(pair, now: now)
            state.networks.take(network, now: now)
            if !isKnownNetwork { state.accounts.take(account, now: now) }
            return .go(attempt)
        }
    }

    private static func key(_ account: String) -> String {
        account.utf8.count <= accountBytesMax
            ? account : String(decoding: account.utf8.prefix(accountBytesMax), as: UTF8.self)
    }

    /// How long a network waits that the account does not know.
    func waitForAccount(_ account: String) -> Int64 {
        let account = Self.key(account)
        return state.withLock { max(1, $0.accounts.wait(account, now: now())) }
    }

    /// It was no failure.
    func giveBack(_ attempt: Attempt) {
        let now = now()
        state.withLock { state in
            state.pairs.giveBack(Pair(account: attempt.account, network: attempt.network), now: now)
            state.networks.giveBack(attempt.network, now: now)
            if !attempt.isKnownNetwork { state.accounts.giveBack(attempt.account, now: now) }
        }
    }

    // MARK: Codes and mails

    /// What else is counted.
    enum Kind: Sendable {
        case factor(user: Int64)
        case mailedCode(PeerAddress)
        case mail(PeerAddress)
    }

    /// Takes a token.
    /// - Returns: milliseconds to wait if there is none, else 0.
    func take(_ kind: Kind) -> Int64 {
        let now = now()
        return state.withLock { state in
            switch kind {
            case .factor(let user): Self.take(&state.factors, user, now)
            case .mailedCode(let network): Self.take(&state.codes, network, now)
            case .mail(let network): Self.take(&state.mails, network, now)
            }
        }
    }

    private static func take<Key>(_ buckets: inout TokenBuckets<Key>, _ key: Key, _ now: Int64) -> Int64 {
        let wait = buckets.wait(key, now: now)
        if wait == 0 { buckets.take(key, now: now) }
        return wait
    }

    func giveBack(_ kind: Kind) {
        let now = now()
        state.withLock { state in
            switch kind {
            case .factor(let user): state.factors.giveBack(user, now: now)
            case .mailedCode(let network): state.codes.giveBack(network, now: now)
            case .mail(let network): state.mails.giveBack(network, now: now)
            }
        }
    }
}
