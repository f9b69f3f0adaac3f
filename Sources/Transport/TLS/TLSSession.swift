import COpenSSL

/// The TLS state of one connection (server side). Freed by its owner; a plain value so that the connection table is an array of structs.
struct TLSSession {
    enum Decrypted {
        case bytes(Int)
        /// All that was received is used.
        case needsMore
        /// The peer's close_notify.
        case ended
        case failed
    }

    private let ssl: OpaquePointer

    init(_ context: TLSContext, _ port: CipherPort) {
        guard let ssl = SSL_new(context.pointer) else { fatalOutOfMemory() }
        self.ssl = ssl
        let bio = port.makeBIO()
        SSL_set_bio(ssl, bio, bio)
        SSL_set_accept_state(ssl)
    }

    func free() { SSL_free(ssl) }

    var isEstablished: Bool { SSL_is_init_finished(ssl) == 1 }

    /// Takes the port's input, handshakes, decrypts. What the handshake answers is in the port's output afterwards.
    func decrypt(into target: UnsafeMutableBufferPointer<UInt8>) -> Decrypted {
        ERR_clear_error()
        let count = SSL_read(ssl, target.baseAddress, Int32(target.count))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(ssl, count) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsMore
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed
        }
    }

    /// Encrypts all of `bytes` into the port's output.
    func encrypt(_ bytes: UnsafeBufferPointer<UInt8>, _ port: CipherPort) -> Bool {
        ERR_clear_error()
        port.setInput(UnsafeBufferPointer(start: nil, count: 0))
        return SSL_write(ssl, bytes.baseAddress, Int32(bytes.count)) == Int32(bytes.count)
    }

    /// Puts close_notify into the port's output.
    func notifyClose(_ port: CipherPort) {
        guard isEstablished else { return }
        ERR_clear_error()
        port.setInput(UnsafeBufferPointer(start: nil, count: 0))
        SSL_shutdown(ssl)
    }
}
