import COpenSSL
import JSON

/// An Ed25519 key (RFC 8032) with or without its private half, owned by OpenSSL. Keys are not changed once made, and
/// OpenSSL lets several threads use one at once, each with a context of its own.
final class Ed25519Key: VerificationKey, @unchecked Sendable {
    static let keyBytes = 32
    static let signatureBytes = 64

    let algorithm = "EdDSA"
    private let key: OpaquePointer
    /// The public half (RFC 8032 §5.1.5).
    let publicKey: [UInt8]
    /// RFC 7638 §3: the digest of the public key's required members in alphabetical order.
    let keyID: String

    /// Takes over `key`; nil, and `key` freed, if it is no Ed25519 key.
    private init?(owning key: OpaquePointer?) {
        guard let key else { return nil }
        var count = Self.keyBytes
        var bytes = [UInt8](repeating: 0, count: Self.keyBytes)
        guard EVP_PKEY_get_id(key) == EVP_PKEY_ED25519, EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1,
            count == Self.keyBytes
        else {
            EVP_PKEY_free(key)
            ERR_clear_error()
            return nil
        }
        self.key = key
        publicKey = bytes
        let members = "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"\(Base64URL.encode(bytes))\"}"
        keyID = Base64URL.encode(Secrets.sha256(Array(members.utf8)))
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// A key with this private half of 32 bytes.
    convenience init?(privateKey: [UInt8]) {
        self.init(owning: EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, privateKey, privateKey.count))
    }

    /// A key to verify with only.
    convenience init?(publicKey: [UInt8]) {
        self.init(owning: EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count))
    }

    /// A private key as PEM (PKCS #8, RFC 8410 §7), unencrypted.
    convenience init?(pem: [UInt8]) {
        let key = pem.withUnsafeBytes { bytes in
            let input = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
            defer { BIO_free(input) }
            // An empty passphrase instead of OpenSSL's own callback, which would ask for one on the terminal.
            return PEM_read_bio_PrivateKey(input, nil, { _, _, _, _ in 0 }, nil)
        }
        if key == nil { ERR_clear_error() }
        self.init(owning: key)
    }

    /// A new key.
    static func generate() -> Ed25519Key {
        guard let key = Ed25519Key(privateKey: Secrets.randomBytes(keyBytes)) else { fatalError("no Ed25519 key") }
        return key
    }

    /// The private key as PEM.
    var pem: [UInt8] {
        guard let output = BIO_new(BIO_s_mem()) else { fatalError("no memory") }
        defer { BIO_free(output) }
        guard PEM_write_bio_PrivateKey(output, key, nil, nil, 0, nil, nil) == 1 else {
            preconditionFailure("the key has no private half")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 512)
        while case let count = BIO_read(output, &piece, Int32(piece.count)), count > 0 {
            bytes.append(contentsOf: piece[..<Int(count)])
        }
        return bytes
    }

    func sign(_ bytes: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Self.signatureBytes)
        var count = signature.count
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1, count == signature.count
        else { preconditionFailure("the key has no private half") }
        return signature
    }

    func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard signature.count == Self.signatureBytes else { return false }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { fatalError("no Ed25519") }
        let isValid = EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
        // A wrong signature leaves an error on this thread's queue, which the next TLS call would take for its own.
        if !isValid { ERR_clear_error() }
        return isValid
    }

    /// The public half as JWK (RFC 8037 §2).
    func writeJWK(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("kty")
        writer.string("OKP")
        writer.name("crv")
        writer.string("Ed25519")
        writer.name("use")
        writer.string("sig")
        writer.name("alg")
        writer.string(algorithm)
        writer.name("kid")
        writer.string(keyID)
        writer.name("x")
        writer.string(Base64URL.encode(publicKey))
        writer.endObject()
    }
}
