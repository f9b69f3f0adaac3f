import Testing

@testable import Identity

/// Tokens of outside issuers, each signed by a key that the issuer has, and what RFC 8725 warns of.
@Suite struct OutsideTokenTests {
    static let now: Int64 = 1_000_000
    static let claims = #"{"iss":"https://app.example","aud":"hub","sub":"7","exp":1000600}"#
    static let outsider = claims.replacing(#""7""#, with: #""ann@app""#)
    let directory = TemporaryDirectory()
    private let own: TokenAuthority

    init() throws { own = try TokenAuthority(directory: directory.path, issuer: "https://hub.example") }

    /// - Parameter more: further members of the entry, each with a comma before it.
    private func verifier(_ member: String, more: String = "") throws -> TokenVerifier {
        directory.write(#"[{"iss":"https://app.example","aud":["hub","api"],\#(member)\#(more)}]"#, to: "issuers.json")
        return TokenVerifier(
            own: own, outside: try IssuerFile.load(["\(directory.path)/issuers.json"], own: "https://hub.example"))
    }

    private func verify(
        _ token: String, _ verifier: TokenVerifier, now: Int64 = now
    ) -> Result<VerifiedToken, TokenError> {
        Result { () throws(TokenError) in try verifier.verify(Array(token.utf8), now: now) }
    }

    private static func user(_ id: Int64 = 7, expiresAt: Int64 = 1_000_600) -> VerifiedToken {
        .user(Claims(userID: id, sessionID: nil, expiresAt: expiresAt, scopes: .user, outsideName: "\(id)"))
    }

    private static func header(_ algorithm: TestSigner.Algorithm, _ more: String = "") -> String {
        #"{"alg":"\#(algorithm.rawValue)"\#(more)}"#
    }

    @Test(arguments: TestSigner.Algorithm.allCases) func isAccepted(_ algorithm: TestSigner.Algorithm) throws {
        let signer = TestSigner.shared[algorithm]!
        let verifier = try verifier(signer.member())
        for header in [
            "", #","typ":"JWT""#, #","typ":"at+jwt""#, #","typ":"application/AT+jwt""#, #","kid":"any""#,
        ] {
            let token = signer.token(header: Self.header(algorithm, header), claims: Self.claims)
            #expect(verify(token, verifier) == .success(Self.user()), "\(header)")
        }
        let other = TestSigner(algorithm).token(header: Self.header(algorithm), claims: Self.claims)
        if algorithm != .hs256 { #expect(verify(other, verifier) == .failure(.invalid)) }
    }

    /// The algorithm is the key's, whatever the token says.
    @Test(arguments: TestSigner.Algorithm.allCases) func algorithmsAreNotSwapped(_ algorithm: TestSigner.Algorithm)
        throws
    {
        let signer = TestSigner.shared[algorithm]!
        let verifier = try verifier(signer.member())
        for name in ["none", "None", "", "HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA", "eddsa"] {
            let header = #"{"alg":"\#(name)"}"#
            let token = signer.token(header: header, claims: Self.claims)
            let isOwn = name == algorithm.rawValue
            #expect(verify(token, verifier) == (isOwn ? .success(Self.user()) : .failure(.invalid)), "\(name)")
            let unsigned = token.split(separator: ".").dropLast().joined(separator: ".") + "."
            #expect(verify(unsigned, verifier) == .failure(.invalid), "\(name), unsigned")
        }
    }

    /// What everybody may know of a key, as the secret of an HMAC.
    @Test(arguments: [TestSigner.Algorithm.es256, .rs256, .eddsa])
    func thePublicKeyIsNoSecret(_ algorithm: TestSigner.Algorithm) throws {
        let signer = TestSigner.shared[algorithm]!
        let verifier = try verifier(signer.member())
        var secrets = [signer.pem, Array(signer.pem.dropLast()), Array(signer.jwk().utf8)]
        secrets.append(algorithm == .rs256 ? signer.number("n") : signer.octets("pub"))
        for secret in secrets {
            for name in ["HS256", algorithm.rawValue] {
                let signed = [#"{"alg":"\#(name)"}"#, Self.claims].map { Base64URL.encode(Array($0.utf8)) }
                    .joined(separator: ".")
                let code = Base64URL.encode(Secrets.hmacSHA256(Array(signed.utf8), secret: secret))
                #expect(verify("\(signed).\(code)", verifier) == .failure(.invalid))
            }
        }
    }

    // MARK: Header

    static let headers: [(more: String, error: TokenError?)] = [
        (#","typ":"JWE""#, .invalid), (#","typ":"secevent+jwt""#, .invalid), (#","typ":"""#, .invalid),
        (#","typ":7"#, .malformed), (#","typ":null"#, .malformed), (#","kid":7"#, .malformed),
        (#","crit":["exp"]"#, .invalid), (#","alg":"ES256""#, .malformed),
        // Keys that come along are not looked at.
        (#","jwk":\#(TestSigner.shared[.rs256]!.jwk())"#, nil), (#","jku":"https://evil.example/","x5u":"y""#, nil),
    ]

    @Test(arguments: headers) func headerIsChecked(more: String, error: TokenError?) throws {
        let signer = TestSigner.shared[.es256]!
        let token = signer.token(header: Self.header(.es256, more), claims: Self.claims)
        let expected = error.map { Result.failure($0) } ?? .success(Self.user())
        #expect(verify(token, try verifier(signer.member())) == expected)
    }

    @Test func typesOfTheEntry() throws {
        let signer = TestSigner.shared[.es256]!
        let verifier = try verifier(signer.member(), more: #","typ":["app+jwt"]"#)
        for (type, isGood) in [("", false), (#","typ":"JWT""#, false), (#","typ":"application/app+jwt""#, true)] {
            let token = signer.token(header: Self.header(.es256, type), claims: Self.claims)
            #expect(verify(token, verifier) == (isGood ? .success(Self.user()) : .failure(.invalid)), "\(type)")
        }
    }

    /// One key need not be named, but no other may be; several must.
    @Test func keyIDs() throws {
        let one = TestSigner.shared[.es256]!, two = TestSigner.shared[.rs256]!
        let sole = try verifier(one.member(id: "1"))
        let cases: [(id: String, error: TokenError?)] = [("", nil), (#","kid":"1""#, nil), (#","kid":"2""#, .invalid)]
        for (id, error) in cases {
            let token = one.token(header: Self.header(.es256, id), claims: Self.claims)
            #expect(verify(token, sole) == (error.map { .failure($0) } ?? .success(Self.user())), "\(id)")
        }
        let both = try verifier(#""keys":[\#(one.jwk(id: "1")),\#(two.jwk(id: "2"))]"#)
        let more: [(signer: TestSigner, id: String, error: TokenError?)] = [
            (one, "", .malformed), (one, #","kid":"1""#, nil), (two, #","kid":"2""#, nil),
            (one, #","kid":"2""#, .invalid),
            (one, #","kid":"3""#, .invalid),
        ]
        for (signer, id, error) in more {
            let token = signer.token(header: Self.header(signer.algorithm, id), claims: Self.claims)
            #expect(verify(token, both) == (error.map { .failure($0) } ?? .success(Self.user())), "\(id)")
        }
    }

    // MARK: Claims

    static let bodies: [(old: String, new: String, error: TokenError?)] = [
        (#""aud":"hub""#, #""aud":["x","api"]"#, nil), (#""aud":"hub""#, #""aud":"other""#, .invalid),
        (#""aud":"hub""#, #""aud":["other",7]"#, .invalid), (#""aud":"hub""#, #""aud":[]"#, .invalid),
        (#""aud":"hub","#, "", .malformed), (#""aud":"hub""#, #""aud":7"#, .malformed),
        (#""aud":"hub""#, #""aud":"https://hub.example""#, .invalid),
        (#","exp":1000600"#, "", .malformed), ("1000600", #""1000600""#, .malformed), ("1000600", "null", .malformed),
        ("1000600", "1000000", .expired), ("1000600", "1000000.9", .expired), ("1000600", "1000600.25", nil),
        ("1000600", "1.0006e6", .malformed), (#""exp""#, #""nbf":1000006,"exp""#, .invalid),
        (#""exp""#, #""nbf":1000005,"exp""#, nil), (#""exp""#, #""iat":1000006,"exp""#, .invalid),
        (#""exp""#, #""iat":"now","exp""#, .malformed), (#""exp""#, #""exp":9,"exp""#, .malformed),
        (#""exp""#, #""sub":"8","exp""#, .malformed), (#""exp""#, #""\u0069ss":"x","exp""#, .malformed),
        (#""sub":"7","#, "", .malformed), (#""7""#, "7", .malformed), (#""7""#, #""07""#, .malformed),
        (#""7""#, #""ann""#, .malformed), (#""7""#, #""0""#, .malformed),
        // An issuer's own session ids mean nothing here.
        (#""exp""#, #""sid":"08a5019c-17e1","exp""#, nil), (#""exp""#, #""sid":"9","exp""#, nil),
        (#""exp""#, #""acl":[],"exp""#, .malformed), (#""exp""#, #""scope":7,"exp""#, .malformed),
        // Who names an issuer that is not known is measured by the hub's own keys.
        ("https://app.example", "https://app.example/", .invalid),
        ("https://app.example", "https://hub.example", .invalid),
    ]

    @Test(arguments: bodies) func claimsAreChecked(old: String, new: String, error: TokenError?) throws {
        let signer = TestSigner.shared[.eddsa]!
        let claims = Self.claims.replacing(old, with: new, maxReplacements: 1)
        try #require(claims != Self.claims)
        let token = signer.token(header: Self.header(.eddsa), claims: claims)
        let expected = error.map { Result.failure($0) } ?? .success(Self.user())
        #expect(verify(token, try verifier(signer.member())) == expected)
    }

    @Test func tokensAreSmall() throws {
        let signer = TestSigner.shared[.hs256]!
        let verifier = try verifier(signer.member())
        for (count, isGood) in [(5900, true), (6100, false), (1_000_000, false)] {
            let claims = Self.claims.dropLast() + #","more":"\#(String(repeating: "x", count: count))"}"#
            let token = signer.token(header: Self.header(.hs256), claims: String(claims))
            #expect(verify(token, verifier) == (isGood ? .success(Self.user()) : .failure(.malformed)), "\(count)")
        }
    }

    // MARK: What it opens

    private func claims(_ entry: String, _ more: String) throws -> Claims? {
        let signer = TestSigner.shared[.hs256]!
        let text = String(Self.claims.dropLast()) + "\(more)}"
        let token = signer.token(header: Self.header(.hs256), claims: text)
        guard case .success(.user(let claims)) = verify(token, try verifier(signer.member(), more: entry)) else {
            return nil
        }
        return claims
    }

    @Test(arguments: [
        ("", "", Scopes.user), ("", #","scope":"user admin service bot""#, .user), ("", #","scope":"admin""#, .user),
        ("", #","scope":"openid profile""#, .user), (#","scope":"user admin""#, "", .user),
        (#","scope":"user admin""#, #","scope":"admin openid""#, .admin),
        (#","scope":"user admin""#, #","scope":"admin service""#, .admin),
        (#","scope":"service""#, #","scope":["service","x"]"#, .service), (#","scope":"service""#, "", .user),
    ])
    func scopesAreThoseThatTheEntryAllows(entry: String, more: String, scopes: Scopes) throws {
        #expect(try claims(entry, more)?.scopes == scopes)
    }

    @Test func aclOfTheTokenOrOfTheEntry() throws {
        let entry = #","acl":{"sub":["news/#"]}"#
        #expect(try claims("", "")?.acl == nil)
        #expect(try claims(entry, "")?.acl == AccessList(subscribe: ["news/#"]))
        #expect(try claims(entry, #","acl":{"pub":["a"]}"#)?.acl == AccessList(publish: ["a"]))
    }

    @Test func subjectsOfAnIssuerThatMakesUsers() throws {
        let signer = TestSigner.shared[.eddsa]!
        let verifier = try verifier(signer.member(), more: #","create":true"#)
        let cases: [(more: String, username: String?, displayName: String?)] = [
            ("", nil, nil), (#","preferred_username":"Ann.B","name":"Ann Bell""#, "ann.b", "Ann Bell"),
            (#","preferred_username":"a b","name":" ""#, nil, nil), (#","preferred_username":7,"name":[]"#, nil, nil),
            (#","preferred_username":"123","name":"a\u0007""#, nil, nil),
        ]
        for (more, username, displayName) in cases {
            let token = signer.token(
                header: Self.header(.eddsa), claims: String(Self.outsider.dropLast()) + "\(more)}")
            guard case .success(.outsider(let outsider)) = verify(token, verifier) else {
                Issue.record("refused: \(more)")
                continue
            }
            let subject = OutsideSubject(
                issuer: "https://app.example", name: "ann@app", username: username, displayName: displayName)
            #expect(outsider.subject == subject)
            let claims = outsider.claims(ofUser: 9)
            #expect(claims.userID == 9 && claims.sessionID == nil && claims.outsideName == "ann@app")
        }
        for (name, isGood) in [
            ("", false), (String(repeating: "x", count: 255), true), (String(repeating: "x", count: 256), false),
            ("7", true),
        ] {
            let token = signer.token(
                header: Self.header(.eddsa), claims: Self.outsider.replacing("ann@app", with: name))
            guard case .success(.outsider) = verify(token, verifier) else {
                #expect(!isGood, "\(name)")
                continue
            }
            #expect(isGood, "\(name)")
        }
    }

    /// Swift takes both for the same string, PostgreSQL and issuers don't.
    @Test func subjectsDifferByTheirBytes() {
        let one = OutsideSubject(issuer: "a", name: "\u{E9}"), other = OutsideSubject(issuer: "a", name: "e\u{301}")
        #expect(one.name == other.name && one.key != other.key)
        #expect(OutsideSubject(issuer: "ab", name: "c").key != OutsideSubject(issuer: "a", name: "bc").key)
    }

    // MARK: Several issuers

    @Test func theHubsOwnTokensStayGood() throws {
        let verifier = try verifier(TestSigner.shared[.es256]!.member())
        let token = own.mint(userID: 5, sessionID: 6, scopes: .admin, now: Self.now)
        #expect(
            verify(token, verifier)
                == .success(.user(Claims(userID: 5, sessionID: 6, expiresAt: Self.now + 600, scopes: .admin))))
    }

    /// An issuer's key is good for that issuer only.
    @Test func issuersDontSpeakForEachOther() throws {
        let one = TestSigner.shared[.es256]!, two = TestSigner(.es256)
        directory.write(
            #"[{"iss":"one","aud":"hub",\#(one.member())},{"iss":"two","aud":"hub",\#(two.member())}]"#,
            to: "issuers.json")
        let verifier = TokenVerifier(
            own: own, outside: try IssuerFile.load(["\(directory.path)/issuers.json"], own: "https://hub.example"))
        for (signer, issuer, isGood) in [
            (one, "one", true), (one, "two", false), (two, "two", true), (two, "one", false),
        ] {
            let claims = Self.claims.replacing("https://app.example", with: issuer)
            let token = signer.token(header: Self.header(.es256), claims: claims)
            #expect(verify(token, verifier) == (isGood ? .success(Self.user()) : .failure(.invalid)))
        }
    }

    @Test func keysRotate() throws {
        let old = TestSigner.shared[.es256]!, new = TestSigner(.es256)
        func token(_ signer: TestSigner, _ id: String) -> String {
            signer.token(header: Self.header(.es256, #","kid":"\#(id)""#), claims: Self.claims)
        }
        let running = try verifier(old.member(id: "old"))
        #expect(verify(token(old, "old"), running) == .success(Self.user()))
        #expect(verify(token(new, "new"), running) == .failure(.invalid))
        let steps = [
            (#"\#(old.jwk(id: "old")),\#(new.jwk(id: "new"))"#, true, true), (new.jwk(id: "new"), false, true),
        ]
        for (keys, oldIsGood, newIsGood) in steps {
            directory.write(
                #"[{"iss":"https://app.example","aud":"hub","keys":[\#(keys)]}]"#, to: "issuers.json")
            running.replaceOutside(
                with: try IssuerFile.load(["\(directory.path)/issuers.json"], own: "https://hub.example"))
            for (signer, id, isGood) in [(old, "old", oldIsGood), (new, "new", newIsGood)] {
                let answer = verify(token(signer, id), running)
                #expect(answer == (isGood ? .success(Self.user()) : .failure(.invalid)), "\(id)")
            }
        }
    }
}
