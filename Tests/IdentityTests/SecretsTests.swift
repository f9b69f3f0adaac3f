import Testing

@testable import Identity

@Suite struct SecretsTests {
    /// RFC 4648 §10 without padding, and the two characters of the URL alphabet.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"), ("\u{3E}\u{7F}\u{7F}", "Pn9_"), ("~~~", "fn5-"),
    ])
    func base64URL(_ text: String, _ expected: String) {
        #expect(Base64URL.encode(Array(text.utf8)) == expected)
        #expect(Base64URL.decode(expected.utf8) == Array(text.utf8))
    }

    @Test(arguments: [
        "Z", "Zg==", "Zg=", "Zh", "Zm9", "Zm9vY", "Zm9v Yg", "Zm9v\n", "Zm+v", "Zm/v", "Zm9\u{0}", "Zm\u{E9}",
    ])
    func refusesOtherSpellings(_ text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }

    @Test func everyByteSurvives() {
        for count in 0...64 {
            let bytes = Secrets.randomBytes(count)
            #expect(bytes.count == count)
            #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
        }
    }

    @Test func digest() {
        let hexadecimal = Secrets.sha256(Array("abc".utf8)).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        #expect(hexadecimal.joined() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func equality() {
        #expect(Secrets.areEqual([], []) && Secrets.areEqual([1, 2], [1, 2]))
        #expect(!Secrets.areEqual([1, 2], [1, 3]) && !Secrets.areEqual([1, 2], [1]) && !Secrets.areEqual([], [0]))
    }

    @Test func refreshTokensAreRandom() {
        let (first, second) = (Secrets.refreshToken(), Secrets.refreshToken())
        #expect(first != second)
        #expect(Base64URL.decode(first.utf8)?.count == 32)
        #expect(Secrets.digest(ofRefreshToken: first) == Secrets.sha256(Array(first.utf8)))
    }

    static let scopeCases: [(String, Scopes)] = [
        ("", []), ("user", .user), ("user admin", [.user, .admin]), ("admin  user", [.user, .admin]),
        ("bot service unknown", [.bot, .service]), ("User", []), ("user,admin", []),
    ]

    @Test(arguments: scopeCases)
    func scopes(_ names: String, _ expected: Scopes) {
        #expect(Scopes(names: names) == expected)
        #expect(Scopes(names: expected.names) == expected)
    }

    @Test func scopeNames() {
        #expect(Scopes([.admin, .user]).names == "user admin")
        #expect(Scopes().names == "")
    }
}
