import COpenSSL
import Glibc

/// OpenSSL as a client over two memory BIOs, so that a test decides which bytes travel together.
final class TLSClient {
    struct Failure: Error { var code: Int32 }

    enum Version: Int32, CaseIterable {
        case tls11 = 0x0302, tls12, tls13
    }

    private static let setMinimumVersion: Int32 = 123
    private static let setMaximumVersion: Int32 = 124

    let socket: TestSocket
    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer

    /// - Parameters:
    ///   - session: of an earlier connection, to be resumed.
    ///   - fragmentLength: asks for records no larger than this code says [RFC 6066 §4]; 0: does not ask.
    init(
        port: UInt16, version: Version = .tls13, session: OpaquePointer? = nil, receiveBufferBytes: Int32? = nil,
        fragmentLength: UInt8 = 0
    ) throws {
        socket = try TestSocket(port: port, receiveBufferBytes: receiveBufferBytes)
        context = SSL_CTX_new(TLS_client_method())!
        SSL_CTX_set_security_level(context, 0)
        SSL_CTX_ctrl(context, Self.setMinimumVersion, Int(version.rawValue), nil)
        SSL_CTX_ctrl(context, Self.setMaximumVersion, Int(version.rawValue), nil)
        ssl = SSL_new(context)!
        input = BIO_new(BIO_s_mem())!
        output = BIO_new(BIO_s_mem())!
        SSL_set_bio(ssl, input, output)
        SSL_set_connect_state(ssl)
        if let session { SSL_set_session(ssl, session) }
        SSL_set_tlsext_max_fragment_length(ssl, fragmentLength)
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    /// Cipher text that is to be sent.
    func takeOutput() -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while case let count = BIO_read(output, &chunk, Int32(chunk.count)), count > 0 { bytes += chunk[..<Int(count)] }
        return bytes
    }

    /// False at the end of the stream.
    private func receiveMore() throws -> Bool {
        let bytes = try socket.receive()
        guard !bytes.isEmpty else { return false }
        BIO_write(input, bytes, Int32(bytes.count))
        return true
    }

    func handshake() throws {
        while true {
            ERR_clear_error()
            let result = SSL_do_handshake(ssl)
            try socket.send(takeOutput())
            if result == 1 { return }
            let code = SSL_get_error(ssl, result)
            guard code == SSL_ERROR_WANT_READ, try receiveMore() else { throw Failure(code: code) }
        }
    }

    /// One record for each 16 KiB.
    /// Its side of the handshake is done, but for what it returns: that is to be sent.
    func handshakeHoldingTheEnd() throws -> [UInt8] {
        SSL_do_handshake(ssl)
        try socket.send(takeOutput())
        while SSL_do_handshake(ssl) != 1 {
            guard try receiveMore() else { throw Failure(code: 0) }
        }
        return takeOutput()
    }

    func encrypt(_ bytes: [UInt8]) -> [UInt8] {
        precondition(SSL_write(ssl, bytes, Int32(bytes.count)) == Int32(bytes.count))
        return takeOutput()
    }

    func send(_ bytes: [UInt8]) throws { try socket.send(encrypt(bytes)) }
    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func closeNotify() -> [UInt8] {
        SSL_shutdown(ssl)
        return takeOutput()
    }

    /// What arrives next; empty at the end.
    func receive() throws -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            ERR_clear_error()
            let count = SSL_read(ssl, &chunk, Int32(chunk.count))
            if count > 0 { return Array(chunk[..<Int(count)]) }
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_WANT_READ: if try !receiveMore() { return [] }
            case SSL_ERROR_ZERO_RETURN: return []
            case let code: throw Failure(code: code)
            }
        }
    }

    func receive(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count, case let more = try receive(), !more.isEmpty { bytes += more }
        return bytes
    }

    func receiveToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while case let more = try receive(), !more.isEmpty { bytes += more }
        return bytes
    }

    /// Whether the end was the peer's close_notify, not a cut.
    var hasReceivedCloseNotify: Bool { SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 }
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }
    var version: Int32 { SSL_version(ssl) }

    /// Its serial number.
    var peerCertificate: Int {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return 0 }
        defer { X509_free(certificate) }
        return Int(bitPattern: X509_issuer_and_serial_hash(certificate))
    }

    /// To be freed by the caller.
    func takeSession() -> OpaquePointer? { SSL_get1_session(ssl) }

    func renegotiate() -> Bool {
        SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) != 0
    }
}
