/// Makes and checks the hub's own access tokens: EdDSA (Ed25519), `typ` `at+jwt`, a `kid` (protocol.md §4, RFC 8725, RFC 9068).
package final class TokenAuthority: Sendable {
    package static let accessTokenSeconds: Int64 = 600

    /// Loads the signing keys under `directory`/keys or makes the first one (files mode 0600).
    /// - Parameter issuer: `iss` and `aud` of the tokens, the hub's public URL.
    package init(directory: String, issuer: String) throws {
        fatalError("replaced by the identity work")
    }

    /// - Parameter now: Unix seconds.
    package func mint(userID: Int64, sessionID: Int64?, scopes: Scopes, acl: AccessList? = nil, lifetimeSeconds: Int64 = accessTokenSeconds, now: Int64) -> String {
        fatalError("replaced by the identity work")
    }

    package func verify(_ token: [UInt8], now: Int64) throws(TokenError) -> Claims {
        fatalError("replaced by the identity work")
    }

    /// The body of `/.well-known/jwks.json` (RFC 7517, RFC 8037).
    package var keySet: [UInt8] { fatalError("replaced by the identity work") }
}
