import COpenSSL
import Synchronization

package struct TLSError: Error, Sendable, CustomStringConvertible {
    package var description: String

    init(_ what: String) {
        var reason = ""
        let code = ERR_get_error()
        if code != 0, let text = ERR_reason_error_string(code) { reason = ": " + String(cString: text) }
        description = what + reason
    }
}

/// A certificate with its key and our TLS settings: 1.2 and 1.3, X25519 first (P-256 alone costs 34 % more per handshake), one session
/// ticket, buffers released while idle (15 instead of 31 KB a connection).
package final class TLSContext: @unchecked Sendable {
    /// Immutable after init; SSL_CTX counts its references and locks itself.
    let pointer: OpaquePointer

    /// - Parameters:
    ///   - certificateFile: PEM, the server's certificate first, then its chain.
    ///   - keyFile: PEM.
    package init(certificateFile: String, keyFile: String) throws(TLSError) {
        guard let context = SSL_CTX_new(TLS_server_method()) else { fatalOutOfMemory() }
        pointer = context
        guard SSL_CTX_use_certificate_chain_file(context, certificateFile) == 1 else {
            throw TLSError("cannot read certificate \(certificateFile)")
        }
        guard SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM) == 1 else {
            throw TLSError("cannot use key \(keyFile)")
        }
        let isSet =
            confab_ctx_set_min_proto_version(context, TLS1_2_VERSION) == 1
            && confab_ctx_set_groups(context, "X25519:P-256:P-384") == 1
            && SSL_CTX_set_num_tickets(context, 1) == 1
            && SSL_CTX_set_session_id_context(context, "confab", 6) == 1
        precondition(isSet, "these settings are constants")
        _ = confab_ctx_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS))
        confab_ctx_set_server_options(context)
    }

    deinit { SSL_CTX_free(pointer) }
}

/// The context for new connections; replaced when the certificate's files changed (SIGHUP).
package final class TLSConfiguration: Sendable {
    private let current: Mutex<TLSContext>

    package init(_ context: TLSContext) { current = Mutex(context) }

    package var context: TLSContext { current.withLock { $0 } }

    package func replace(with context: TLSContext) { current.withLock { $0 = context } }
}
