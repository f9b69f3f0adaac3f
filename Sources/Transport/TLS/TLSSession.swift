import COpenSSL

/// The TLS state of one connection. Freed by its owner; a plain value so that the connection table is an array of structs.
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

    /// The client's side, for a connection to `host`, whose certificate must be for that name or address.
    init(_ context: ClientTLSContext, host: String, _ port: CipherPort) {
        guard let ssl = SSL_new(context.pointer) else { fatalOutOfMemory() }
        self.ssl = ssl
        let bio = port.makeBIO()
        SSL_set_bio(ssl, bio, bio)
        SSL_set_connect_state(ssl)
        // A name that is no address is what the server is asked for (SNI) [RFC 6066 §3].
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 { return }
        ERR_clear_error()
        let isSet = SSL_set1_host(ssl, host) == 1 && confab_set_server_name(ssl, host) == 1
        precondition(isSet, "a host name has 1 to 255 bytes and no NUL")
    }

    func free() { SSL_free(ssl) }

    var isClient: Bool { SSL_is_server(ssl) == 0 }

    var isEstablished: Bool { SSL_is_init_finished(ssl) == 1 }

    /// Puts a client's first message into the port's output.
    func beginHandshake(_ port: CipherPort) {
        ERR_clear_error()
        port.setInput(UnsafeBufferPointer(start: nil, count: 0))
        SSL_do_handshake(ssl)
    }

    /// Why `decrypt` has failed; to be read before OpenSSL is called again.
    var failure: String {
        let verdict = SSL_get_verify_result(ssl)
        if verdict != X509_V_OK { return "certificate: " + String(cString: X509_verify_cert_error_string(verdict)) }
        guard let text = ERR_reason_error_string(ERR_peek_last_error()) else { return "TLS has failed" }
        return "TLS: " + String(cString: text)
    }

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

    /// Encrypts all of `bytes` into the port's output, as many records as that takes: a client may want small ones [RFC 6066 §4], and the port
    /// has room for all.
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
