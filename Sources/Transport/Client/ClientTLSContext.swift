import COpenSSL

/// Whom a client trusts, and its TLS settings: 1.2 and 1.3, the server's certificate is checked, its name included.
package final class ClientTLSContext: @unchecked Sendable {
    /// Immutable after init; SSL_CTX counts its references and locks itself.
    let pointer: OpaquePointer

    /// - Parameter authorityFile: PEM, certificates to trust instead of the system's; a self-signed one counts.
    package init(authorityFile: String?) throws(TLSError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { fatalOutOfMemory() }
        pointer = context
        if let authorityFile {
            guard SSL_CTX_load_verify_locations(context, authorityFile, nil) == 1 else {
                throw TLSError("cannot read certificates from \(authorityFile)")
            }
        } else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw TLSError("cannot read the system's certificates")
            }
        }
        precondition(confab_ctx_set_min_proto_version(context, TLS1_2_VERSION) == 1, "these settings are constants")
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        _ = confab_ctx_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS))
    }

    deinit { SSL_CTX_free(pointer) }
}
