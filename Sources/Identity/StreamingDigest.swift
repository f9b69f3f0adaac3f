import COpenSSL

/// SHA-256 of bytes that come one piece after another. Used by one task.
package final class StreamingDigest {
    private let context: OpaquePointer

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            fatalError("no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    package func update(_ bytes: [UInt8]) {
        guard EVP_DigestUpdate(context, bytes, bytes.count) == 1 else { fatalError("no SHA-256") }
    }

    /// The digest of all that came, 32 bytes; to be asked for once.
    package func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { buffer, initialized in
            guard EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1 else { fatalError("no SHA-256") }
            initialized = Int(SHA256_DIGEST_LENGTH)
        }
    }
}
