import JSON
import Synchronization

/// Checks every access token that clients bring: the hub's own, and those of issuers from outside.
package final class TokenVerifier: Sendable {
    private let own: TokenAuthority
    private let outside: Mutex<[OutsideIssuer]>

    package init(own: TokenAuthority, outside: [OutsideIssuer] = []) {
        self.own = own
        self.outside = Mutex(outside)
    }

    /// From now on these count, and no others. What is connected stays until its token expires.
    package func replaceOutside(with issuers: [OutsideIssuer]) { outside.withLock { $0 = issuers } }

    /// - Parameter now: Unix seconds.
    package func verify(_ token: [UInt8], now: Int64) throws(TokenError) -> VerifiedToken {
        let token = try SignedToken(parsing: token)
        if let issuer = try outsideIssuer(of: token) { return try issuer.verify(token, now: now) }
        return .user(try own.verify(token, now: now))
    }

    /// The issuer that the token names: its own keys then tell whether that is true. Who names nobody we know may be the hub.
    private func outsideIssuer(of token: SignedToken) throws(TokenError) -> OutsideIssuer? {
        let issuers = outside.withLock { $0 }
        guard !issuers.isEmpty, let name = try SignedToken.object(token.payload)["iss"]?.string else { return nil }
        return issuers.first { $0.issuer.isNamed(name) }
    }
}
