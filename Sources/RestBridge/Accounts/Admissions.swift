import Identity
import Persistence
import Synchronization

/// Who was let in lately, by token. For a while the same token needs no signature checked, and for a moment the database is not asked whether its
/// session lives. What this hub ends, it ends here at once; what another process ends (`confab user`), within `freshMilliseconds`.
package final class Admissions: RevocationObserver {
    /// For so long a verified signature is believed; keys and issuers may change.
    private static let verifiedMilliseconds: Int64 = 60_000
    private static let freshMilliseconds: Int64 = 2_000
    private static let tokensMax = 16_384

    private struct Entry {
        var claims: Claims
        var caller: Caller
        var verifiedUntil: Int64
        var freshUntil: Int64
    }

    private struct State {
        var entries: [[UInt8]: Entry] = [:]
        /// Changes with each end: who was asked about before may have ended meanwhile.
        var ends: UInt64 = 0
    }

    /// What is known of a token.
    struct Finding {
        /// Nil: the token must be verified.
        var claims: Claims?
        /// Nil: the database must be asked whether its session lives.
        var caller: Caller?
        fileprivate var ends: UInt64
    }

    private let state = Mutex(State())
    private let next: any RevocationObserver

    /// - Parameter next: who is told after this.
    package init(next: any RevocationObserver) { self.next = next }

    /// - Parameter now: Unix milliseconds.
    func find(_ token: [UInt8], now: Int64) -> Finding {
        state.withLock { state in
            guard let entry = state.entries[token], now < min(entry.verifiedUntil, entry.claims.expiresAt * 1_000)
            else {
                return Finding(ends: state.ends)
            }
            return Finding(
                claims: entry.claims, caller: now < entry.freshUntil ? entry.caller : nil, ends: state.ends)
        }
    }

    /// The token is good, and its session lives.
    /// - Parameter finding: what `find` said before that was asked.
    func note(_ token: [UInt8], _ claims: Claims, _ caller: Caller, _ finding: Finding, now: Int64) {
        state.withLock { state in
            guard state.ends == finding.ends else { return }
            let verifiedUntil = finding.claims == nil ? nil : state.entries[token]?.verifiedUntil
            if state.entries.count >= Self.tokensMax { state.entries.removeAll(keepingCapacity: true) }
            state.entries[token] = Entry(
                claims: claims, caller: caller, verifiedUntil: verifiedUntil ?? now + Self.verifiedMilliseconds,
                freshUntil: now + Self.freshMilliseconds)
        }
    }

    package func sessionRevoked(_ sessionID: Int64) {
        forget { $0.sessionID == sessionID || $0.botTokenID == sessionID }
        next.sessionRevoked(sessionID)
    }

    package func userEnded(_ userID: Int64) {
        forget { $0.userID == userID }
        next.userEnded(userID)
    }

    /// Issuers have changed: all tokens must show their signatures again.
    package func forgetAll() { forget { _ in true } }

    private func forget(_ isEnded: (Claims) -> Bool) {
        state.withLock { state in
            state.ends &+= 1
            state.entries = state.entries.filter { !isEnded($0.value.claims) }
        }
    }
}
