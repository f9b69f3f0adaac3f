import COpenSSL

@testable import Identity

/// Signs tokens as an outside issuer does, by a key that OpenSSL has made for the test.
final class TestSigner: @unchecked Sendable {
    enum Algorithm: String, CaseIterable, Sendable {
        case es256 = "ES256"
        case rs256 = "RS256"
        case eddsa = "EdDSA"
        case hs256 = "HS256"
    }

    let algorithm: Algorithm
    let secret = "a secret of no less than 256 bits"
    private let key: OpaquePointer?

    /// RSA keys take a while to make, so tests share them.
    static let shared: [Algorithm: TestSigner] = Dictionary(
        uniqueKeysWithValues: Algorithm.allCases.map { ($0, TestSigner($0)) })

    init(_ algorithm: Algorithm, bits: Int32 = 2048) {
        self.algorithm = algorithm
        switch algorithm {
        case .es256: key = confab_make_p256_key()
        case .rs256: key = Self.generate("RSA", bits: bits)
        case .eddsa: key = Self.generate("ED25519", bits: nil)
        case .hs256: key = nil
        }
    }

    deinit { EVP_PKEY_free(key) }

    private static func generate(_ type: String, bits: Int32?) -> OpaquePointer? {
        let context = EVP_PKEY_CTX_new_from_name(nil, type, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        precondition(EVP_PKEY_keygen_init(context) == 1)
        if let bits { precondition(EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1) }
        precondition(EVP_PKEY_generate(context, &key) == 1)
        return key
    }

    // MARK: The public half

    /// As a JWK; `more` are further members, each with a comma before it.
    func jwk(id: String? = nil, more: String = "") -> String {
        let kid = id.map { #","kid":"\#($0)""# } ?? ""
        switch algorithm {
        case .es256:
            let point = octets("pub")
            return
                #"{"kty":"EC","crv":"P-256","x":"\#(text(point[1...32]))","y":"\#(text(point[33...]))"\#(kid)\#(more)}"#
        case .rs256: return #"{"kty":"RSA","n":"\#(text(number("n")))","e":"\#(text(number("e")))"\#(kid)\#(more)}"#
        case .eddsa: return #"{"kty":"OKP","crv":"Ed25519","x":"\#(text(octets("pub")))"\#(kid)\#(more)}"#
        case .hs256: return #"{"kty":"oct","k":"\#(text(secret.utf8))"\#(kid)\#(more)}"#
        }
    }

    /// The member of an entry that holds the key.
    func member(id: String? = nil) -> String {
        algorithm == .hs256 ? #""secret":"\#(secret)""# : #""keys":[\#(jwk(id: id))]"#
    }

    /// A SubjectPublicKeyInfo in PEM.
    var pem: [UInt8] {
        let output = BIO_new(BIO_s_mem())
        defer { BIO_free(output) }
        precondition(PEM_write_bio_PUBKEY(output, key) == 1)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = BIO_read(output, &bytes, 4096)
        return Array(bytes[..<Int(count)])
    }

    func number(_ name: String) -> [UInt8] {
        var number: OpaquePointer?
        precondition(EVP_PKEY_get_bn_param(key, name, &number) == 1)
        defer { BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = BN_bn2bin(number, &bytes)
        return Array(bytes[..<Int(count)])
    }

    func octets(_ name: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 200)
        var count = 0
        precondition(EVP_PKEY_get_octet_string_param(key, name, &bytes, bytes.count, &count) == 1)
        return Array(bytes[..<count])
    }

    private func text(_ bytes: some Sequence<UInt8>) -> String { Base64URL.encode(Array(bytes)) }

    // MARK: Signing

    /// A token with this header and these claims, as they are.
    func token(header: String, claims: String) -> String {
        let signed = "\(text(header.utf8)).\(text(claims.utf8))"
        return "\(signed).\(text(sign(Array(signed.utf8))))"
    }

    func sign(_ bytes: [UInt8]) -> [UInt8] {
        switch algorithm {
        case .hs256: Secrets.hmacSHA256(bytes, secret: Array(secret.utf8))
        case .es256: Self.numbers(in: rawSignature(of: bytes))
        case .rs256, .eddsa: rawSignature(of: bytes)
        }
    }

    /// As OpenSSL makes it.
    func rawSignature(of bytes: [UInt8]) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 1024)
        var count = signature.count
        precondition(EVP_DigestSignInit(context, nil, algorithm == .eddsa ? nil : EVP_sha256(), nil, key) == 1)
        precondition(EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1)
        return Array(signature[..<count])
    }

    /// Both numbers of an ECDSA signature, which stand in a SEQUENCE that is shorter than 128 bytes, with 32 bytes each.
    private static func numbers(in sequence: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = sequence.dropFirst(2)
        for _ in 0..<2 {
            let length = Int(rest[rest.startIndex + 1])
            let digits = rest.dropFirst(2).prefix(length).drop { $0 == 0 }
            result += [UInt8](repeating: 0, count: 32 - digits.count) + digits
            rest = rest.dropFirst(2 + length)
        }
        return result
    }
}
