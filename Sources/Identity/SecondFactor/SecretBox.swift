import COpenSSL
import Glibc

/// Encrypts what the database must not show: AES-256-GCM with a key that lies beside the signing keys, so that a copy of the database
/// alone opens nothing.
package struct SecretBox: Sendable {
    static let keyBytes = 32
    private static let fileName = "secrets.key"
    /// Stands before each sealed value, so that another way to seal can be told apart.
    private static let version: UInt8 = 1
    private static let nonceBytes = 12
    private static let tagBytes = 16

    private let key: [UInt8]

    init(key: [UInt8]) {
        precondition(key.count == Self.keyBytes)
        self.key = key
    }

    /// Loads the key under `directory`/keys, or makes it (mode 0600).
    package init(directory: String) throws(KeyDirectoryError) {
        let keys = try KeyDirectory(path: "\(directory)/keys")
        let file = "\(keys.path)/\(Self.fileName)"
        if access(file, F_OK) != 0 { try Self.makeKey(file, in: keys) }
        let key = try keys.read(file)
        guard key.count == Self.keyBytes else { throw .notASecretKey(path: file) }
        self.init(key: key)
    }

    /// Written aside and linked: a crash leaves no half of it, and of two that make one at once both take the first.
    private static func makeKey(_ file: String, in keys: KeyDirectory) throws(KeyDirectoryError) {
        let aside = "\(file).\(getpid()).new"
        unlink(aside)
        try keys.write(Secrets.randomBytes(keyBytes), to: aside)
        defer { unlink(aside) }
        guard link(aside, file) == 0 || errno == EEXIST else { throw KeyDirectory.failure(file, "link") }
        try keys.synchronize()
    }

    /// - Parameter context: what the value belongs to; it opens in no other context.
    package func seal(_ plain: [UInt8], context: String) -> [UInt8] {
        let nonce = Secrets.randomBytes(Self.nonceBytes)
        var sealed = [UInt8](repeating: 0, count: plain.count)
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        let associated = Array(context.utf8)
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var count: Int32 = 0
        guard EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_EncryptUpdate(cipher, nil, &count, associated, Int32(associated.count)) == 1,
            EVP_EncryptUpdate(cipher, &sealed, &count, plain, Int32(plain.count)) == 1, Int(count) == plain.count,
            EVP_EncryptFinal_ex(cipher, nil, &count) == 1,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), &tag) == 1
        else { fatalError("no AES-256-GCM") }
        return [Self.version] + nonce + sealed + tag
    }

    /// Nil if it was not sealed with this key in this context, or was changed since.
    package func open(_ box: [UInt8], context: String) -> [UInt8]? {
        guard box.count >= 1 + Self.nonceBytes + Self.tagBytes, box[0] == Self.version else { return nil }
        let nonce = Array(box[1...Self.nonceBytes])
        let sealed = Array(box[(1 + Self.nonceBytes)..<(box.count - Self.tagBytes)])
        var tag = Array(box.suffix(Self.tagBytes))
        var plain = [UInt8](repeating: 0, count: sealed.count)
        let associated = Array(context.utf8)
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var count: Int32 = 0
        guard EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_DecryptUpdate(cipher, nil, &count, associated, Int32(associated.count)) == 1,
            EVP_DecryptUpdate(cipher, &plain, &count, sealed, Int32(sealed.count)) == 1, Int(count) == sealed.count,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), &tag) == 1
        else { fatalError("no AES-256-GCM") }
        guard EVP_DecryptFinal_ex(cipher, nil, &count) == 1 else {
            ERR_clear_error()
            return nil
        }
        return plain
    }
}
