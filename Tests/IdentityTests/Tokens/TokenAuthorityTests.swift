import JSON
import Testing

@testable import Identity

@Suite struct TokenAuthorityTests {
    static let issuer = "https://hub.example:8443"
    static let now: Int64 = 1_795_338_000
    let directory = TemporaryDirectory()

    private func authority(issuer: String = issuer) throws -> TokenAuthority {
        try TokenAuthority(directory: directory.path, issuer: issuer)
    }

    private func verify(_ token: String, with authority: TokenAuthority, now: Int64 = now) -> Result<Claims, TokenError>
    {
        Result { () throws(TokenError) in try authority.verify(Array(token.utf8), now: now) }
    }

    @Test(arguments: [
        Claims(userID: 1, sessionID: nil, expiresAt: now + 600, scopes: []),
        Claims(userID: .max, sessionID: 7301, expiresAt: now + 600, scopes: [.user, .admin]),
        Claims(
            userID: 5100, sessionID: .max, expiresAt: now + 600, scopes: [.service],
            acl: AccessList(publish: ["app/${sub}/#"], subscribe: ["app/#"], all: ["\"\\é"], deny: ["a", "b"])),
        Claims(userID: 5100, sessionID: nil, expiresAt: now + 600, scopes: [.bot], acl: AccessList()),
    ])
    func whatIsMintedIsVerified(_ claims: Claims) throws {
        let authority = try authority()
        let token = authority.mint(
            userID: claims.userID, sessionID: claims.sessionID, scopes: claims.scopes, acl: claims.acl, now: Self.now)
        #expect(verify(token, with: authority) == .success(claims))
    }

    /// Only a bot's token with an id as `jti` is one that is kept.
    @Test func tokensOfBots() throws {
        let authority = try authority()
        let kept = authority.mint(
            userID: 7, sessionID: nil, botTokenID: 7301, scopes: .bot, lifetimeSeconds: 31_536_000, now: Self.now)
        #expect(
            verify(kept, with: authority)
                == .success(
                    Claims(
                        userID: 7, sessionID: nil, expiresAt: Self.now + 31_536_000, scopes: .bot, botTokenID: 7301)))
        let other = authority.mint(userID: 7, sessionID: nil, scopes: .bot, now: Self.now)
        #expect(try verify(other, with: authority).get().botTokenID == nil)
    }

    @Test func expiry() throws {
        let authority = try authority()
        let token = authority.mint(userID: 1, sessionID: nil, scopes: .user, lifetimeSeconds: 10, now: Self.now)
        for offset: Int64 in [-5, 0, 9] {
            #expect(throws: Never.self) { try verify(token, with: authority, now: Self.now + offset).get() }
        }
        #expect(verify(token, with: authority, now: Self.now - 6) == .failure(.invalid))
        #expect(verify(token, with: authority, now: Self.now + 10) == .failure(.expired))
    }

    @Test func tokensDifferByTheirIDs() throws {
        let authority = try authority()
        let tokens = (0..<10).map { _ in authority.mint(userID: 1, sessionID: 2, scopes: .user, now: Self.now) }
        #expect(Set(tokens).count == 10)
        let payload = try #require(Base64URL.decode(tokens[0].split(separator: ".")[1].utf8))
        let claims = try JSONValue(parsing: payload)
        #expect(claims["jti"]?.string.flatMap { Base64URL.decode($0.utf8) }?.count == 16)
        #expect(claims["sub"]?.string == "1" && claims["sid"]?.string == "2" && claims["scope"]?.string == "user")
    }

    @Test func keysSurviveAReload() throws {
        let first = try authority()
        let token = first.mint(userID: 1, sessionID: nil, scopes: .user, now: Self.now)
        let second = try authority()
        #expect(throws: Never.self) { try verify(token, with: second).get() }
        #expect(first.keySet == second.keySet)
        let files = directory.files("keys")
        #expect(files.count == 1)
        #expect(files.allSatisfy { directory.mode("keys/\($0)") == 0o600 } && directory.mode("keys") == 0o700)
    }

    @Test func rotation() throws {
        let first = try authority()
        let old = first.mint(userID: 1, sessionID: nil, scopes: .user, now: Self.now)
        try first.rotate()
        let new = first.mint(userID: 2, sessionID: nil, scopes: .user, now: Self.now)
        #expect(old.split(separator: ".")[0] != new.split(separator: ".")[0])
        let reloaded = try authority()
        for authority in [first, reloaded] {
            #expect(throws: Never.self) { try verify(old, with: authority).get() }
            #expect(throws: Never.self) { try verify(new, with: authority).get() }
        }
        let after = reloaded.mint(userID: 3, sessionID: nil, scopes: .user, now: Self.now)
        #expect(after.split(separator: ".")[0] == new.split(separator: ".")[0], "the newest key signs")
        #expect(directory.files("keys").count == 2)
        #expect(try JSONValue(parsing: reloaded.keySet)["keys"]?.array?.count == 2)
    }

    @Test func keySetHoldsPublicHalvesOnly() throws {
        let authority = try authority()
        let key = try #require(JSONValue(parsing: authority.keySet)["keys"]?.array?.first)
        #expect(key.object?.map(\.name) == ["kty", "crv", "use", "alg", "kid", "x"])
        let token = authority.mint(userID: 1, sessionID: nil, scopes: .user, now: Self.now)
        let headerBytes = try #require(Base64URL.decode(token.split(separator: ".")[0].utf8))
        let header = try JSONValue(parsing: headerBytes)
        #expect(header["kid"] == key["kid"] && header["alg"]?.string == "EdDSA" && header["typ"]?.string == "at+jwt")
        let publicKey = try #require(key["x"]?.string.flatMap { Base64URL.decode($0.utf8) })
        #expect(Ed25519Key(publicKey: publicKey)?.keyID == key["kid"]?.string)
    }

    @Test func foreignTokensAreRefused() throws {
        let authority = try authority()
        let elsewhere = TemporaryDirectory()
        let stranger = try TokenAuthority(directory: elsewhere.path, issuer: Self.issuer)
        let token = stranger.mint(userID: 1, sessionID: nil, scopes: .admin, now: Self.now)
        #expect(verify(token, with: authority) == .failure(.invalid))
        let renamed = try self.authority(issuer: "https://other.example")
        let own = authority.mint(userID: 1, sessionID: nil, scopes: .user, now: Self.now)
        #expect(verify(own, with: renamed) == .failure(.invalid))
    }

    @Test func damagedKeysStopTheStart() throws {
        _ = try authority()
        directory.write("nonsense", to: "keys/broken.pem")
        #expect(throws: KeyDirectoryError.notAKey(path: "\(directory.path)/keys/broken.pem")) { try authority() }
        #expect(throws: KeyDirectoryError.self) { try TokenAuthority(directory: "/dev/null", issuer: Self.issuer) }
    }
}
