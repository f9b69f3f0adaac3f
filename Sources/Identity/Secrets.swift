import COpenSSL

/// Random values, digests, and comparisons that tell nothing by their duration.
package enum Secrets {
    /// Bytes of OpenSSL's generator, fit for keys. Without randomness nothing is safe, so a failure ends the process.
    package static func randomBytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard RAND_bytes(buffer.baseAddress, Int32(count)) == 1 else { fatalError("no random bytes") }
            initialized = count
        }
    }

    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { buffer, initialized in
            guard SHA256(bytes, bytes.count, buffer.baseAddress) != nil else { fatalError("no SHA-256") }
            initialized = Int(SHA256_DIGEST_LENGTH)
        }
    }

    /// RFC 2104.
    static func hmacSHA256(_ bytes: [UInt8], secret: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { buffer, initialized in
            guard
                HMAC(EVP_sha256(), secret, Int32(secret.count), bytes, bytes.count, buffer.baseAddress, nil) != nil
            else { fatalError("no HMAC") }
            initialized = Int(SHA256_DIGEST_LENGTH)
        }
    }

    /// Takes the same time wherever the first difference stands; lengths are no secret.
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// A new refresh token: 256 random bits as base64url.
    package static func refreshToken() -> String {
        Base64URL.encode(randomBytes(32))
    }

    /// What is stored of a refresh token: it is random, so a plain digest can't be reversed.
    package static func digest(ofRefreshToken token: String) -> [UInt8] {
        sha256(Array(token.utf8))
    }

    /// A new code to be mailed: 128 random bits as base64url.
    package static func mailedCode() -> String {
        Base64URL.encode(randomBytes(16))
    }

    /// A new code that lets who has it into a group: 128 random bits as base64url.
    package static func inviteCode() -> String {
        Base64URL.encode(randomBytes(16))
    }

    /// What is stored of a mailed code; as random as a refresh token.
    package static func digest(ofMailedCode code: String) -> [UInt8] {
        sha256(Array(code.utf8))
    }

    /// A password for somebody who has lost the own one: 100 random bits that can be read out.
    package static func temporaryPassword() -> String {
        String(Base32.encode(randomBytes(13)).lowercased().prefix(20))
    }
}
