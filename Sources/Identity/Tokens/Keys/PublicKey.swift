import COpenSSL

/// A public key of others, owned by OpenSSL. Keys are not changed once made, and OpenSSL lets several threads use one at once, each with a
/// context of its own.
final class PublicKey: @unchecked Sendable {
    private let key: OpaquePointer

    /// - Parameter info: a SubjectPublicKeyInfo in DER (RFC 5280 §4.1).
    /// - Returns: nil if it holds no key that is good: a point that is not on the curve, a modulus that is a prime number.
    init?(info: [UInt8]) {
        let key = info.withUnsafeBufferPointer { bytes in
            var next = bytes.baseAddress
            return d2i_PUBKEY(nil, &next, bytes.count)
        }
        guard let key, Self.isGood(key) else {
            EVP_PKEY_free(key)
            ERR_clear_error()
            return nil
        }
        self.key = key
    }

    deinit { EVP_PKEY_free(key) }

    private static func isGood(_ key: OpaquePointer) -> Bool {
        let context = EVP_PKEY_CTX_new_from_pkey(nil, key, nil)
        defer { EVP_PKEY_CTX_free(context) }
        return EVP_PKEY_public_check(context) == 1
    }

    /// - Parameter signature: as OpenSSL has it for keys of this type, over the SHA-256 of `bytes`.
    func isSHA256Signature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1 else { fatalError("no SHA-256") }
        let isValid = EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
        // A wrong signature leaves an error on this thread's queue, which the next TLS call would take for its own.
        if !isValid { ERR_clear_error() }
        return isValid
    }
}
