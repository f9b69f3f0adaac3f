import JSON
import Synchronization

/// Makes and checks the hub's own access tokens: EdDSA (Ed25519), `typ` `at+jwt`, a `kid` (protocol.md §4, RFC 8725,
/// RFC 9068).
package final class TokenAuthority: Sendable {
    package static let accessTokenSeconds: Int64 = 600
    /// A longer token is refused.
    package static let tokenBytesMax = SignedToken.bytesMax

    private struct KeyRing {
        var signingKey: Ed25519Key
        /// `signingKey`'s JOSE header with the dot behind it.
        var headerPart: String
        var issuer: TokenIssuer
        var keySet: [UInt8]
    }

    private let directory: KeyDirectory
    private let issuer: String
    private let ring: Mutex<KeyRing>

    /// Loads the signing keys under `directory`/keys or makes the first one (files mode 0600).
    /// - Parameter issuer: `iss` and `aud` of the tokens, the hub's public URL.
    package init(directory: String, issuer: String) throws(KeyDirectoryError) {
        self.directory = try KeyDirectory(path: "\(directory)/keys")
        self.issuer = issuer
        var keys = try self.directory.load()
        if keys.isEmpty {
            keys = [.generate()]
            try self.directory.add(keys[0])
        }
        ring = Mutex(Self.makeRing(keys, issuer: issuer))
    }

    /// Takes the keys that another process has made; makes nothing.
    package init(existing directory: String, issuer: String) throws(KeyDirectoryError) {
        self.directory = try KeyDirectory(existing: "\(directory)/keys")
        self.issuer = issuer
        let keys = try self.directory.load()
        guard !keys.isEmpty else { throw .noKeys(path: self.directory.path) }
        ring = Mutex(Self.makeRing(keys, issuer: issuer))
    }

    /// Makes a new key that signs from now on; the older ones go on verifying.
    package func rotate() throws(KeyDirectoryError) {
        try directory.add(.generate())
        let keys = try directory.load()
        ring.withLock { $0 = Self.makeRing(keys, issuer: issuer) }
    }

    /// - Parameters:
    ///   - botTokenID: of a token that is kept until it is revoked or expires: the `jti`, which is random otherwise.
    ///   - now: Unix seconds.
    package func mint(
        userID: Int64, sessionID: Int64?, botTokenID: Int64? = nil, scopes: Scopes, acl: AccessList? = nil,
        lifetimeSeconds: Int64 = accessTokenSeconds, now: Int64
    ) -> String {
        precondition(userID > 0 && (sessionID ?? 1) > 0 && (botTokenID ?? 1) > 0, "ids are positive")
        precondition(botTokenID == nil || scopes.contains(.bot), "only of bots tokens are kept")
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("iss")
        writer.string(issuer)
        writer.name("aud")
        writer.string(issuer)
        writer.name("sub")
        writer.id(userID)
        if let sessionID {
            writer.name("sid")
            writer.id(sessionID)
        }
        writer.name("jti")
        if let botTokenID { writer.id(botTokenID) } else { writer.string(Base64URL.encode(Secrets.randomBytes(16))) }
        writer.name("iat")
        writer.number(now)
        writer.name("nbf")
        writer.number(now)
        writer.name("exp")
        writer.number(now + lifetimeSeconds)
        writer.name("scope")
        writer.string(scopes.names)
        if let acl {
            writer.name("acl")
            acl.write(to: &writer)
        }
        writer.endObject()
        let (key, header) = ring.withLock { ($0.signingKey, $0.headerPart) }
        let signed = header + Base64URL.encode(writer.bytes)
        return "\(signed).\(Base64URL.encode(key.sign(Array(signed.utf8))))"
    }

    package func verify(_ token: [UInt8], now: Int64) throws(TokenError) -> Claims {
        try verify(SignedToken(parsing: token), now: now)
    }

    func verify(_ token: SignedToken, now: Int64) throws(TokenError) -> Claims {
        let issuer = ring.withLock { $0.issuer }
        return try Claims(issuer.verify(token, now: now))
    }

    /// The body of `/.well-known/jwks.json` (RFC 7517, RFC 8037).
    package var keySet: [UInt8] { ring.withLock { $0.keySet } }

    /// - Parameter keys: oldest first; the newest signs.
    private static func makeRing(_ keys: [Ed25519Key], issuer: String) -> KeyRing {
        guard let newest = keys.last else { preconditionFailure("a key ring has a key") }
        var keySet = JSONWriter()
        keySet.beginObject()
        keySet.name("keys")
        keySet.beginArray()
        for key in keys.reversed() { key.writeJWK(to: &keySet) }
        keySet.endArray()
        keySet.endObject()
        let header = "{\"alg\":\"\(newest.algorithm)\",\"typ\":\"at+jwt\",\"kid\":\"\(newest.keyID)\"}"
        return KeyRing(
            signingKey: newest,
            headerPart: Base64URL.encode(Array(header.utf8)) + ".",
            issuer: TokenIssuer(
                name: issuer, audiences: [issuer], types: ["at+jwt"],
                keys: .named(Dictionary(keys.map { ($0.keyID, $0) }) { first, _ in first })),
            keySet: keySet.bytes)
    }
}
