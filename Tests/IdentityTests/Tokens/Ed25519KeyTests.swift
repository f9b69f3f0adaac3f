import Testing

@testable import Identity

/// The vectors of RFC 8037 appendix A.
@Suite struct Ed25519KeyTests {
    static let privateKey = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    static let publicKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    static let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    static let header = "eyJhbGciOiJFZERTQSJ9"
    static let payload = "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    static let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

    static func key() throws -> Ed25519Key {
        try #require(Base64URL.decode(privateKey.utf8).flatMap(Ed25519Key.init(privateKey:)))
    }

    @Test func publicKeyAndThumbprint() throws {
        let key = try Self.key()
        #expect(Base64URL.encode(key.publicKey) == Self.publicKey)
        #expect(key.keyID == Self.thumbprint)
    }

    @Test func signsAndVerifies() throws {
        let signed = Array("\(Self.header).\(Self.payload)".utf8)
        let key = try Self.key()
        #expect(Base64URL.encode(key.sign(signed)) == Self.signature)
        let signature = try #require(Base64URL.decode(Self.signature.utf8))
        let other = try #require(Base64URL.decode(Self.publicKey.utf8).flatMap(Ed25519Key.init(publicKey:)))
        #expect(other.isSignature(signature, of: signed))
        #expect(!Ed25519Key.generate().isSignature(signature, of: signed))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!other.isSignature(changed, of: signed))
        }
        #expect(!other.isSignature(signature + [0], of: signed) && !other.isSignature([], of: signed))
        #expect(!other.isSignature(signature, of: signed + [0]))
    }

    @Test func pem() throws {
        let key = try Self.key()
        let text = String(decoding: key.pem, as: UTF8.self)
        // The private key in PKCS #8 (RFC 8410 §7).
        let body = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
        #expect(text == "-----BEGIN PRIVATE KEY-----\n\(body)\n-----END PRIVATE KEY-----\n")
        #expect(Ed25519Key(pem: key.pem)?.publicKey == key.publicKey)
        #expect(Ed25519Key(pem: []) == nil && Ed25519Key(pem: Array("nonsense".utf8)) == nil)
        #expect(Ed25519Key(privateKey: [1, 2, 3]) == nil)
    }
}
