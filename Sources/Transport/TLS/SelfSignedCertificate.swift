import COpenSSL
import Glibc

/// A certificate for trying the hub out: P-256, for `localhost` and the loopback addresses.
package enum SelfSignedCertificate {
    private static let validitySeconds = 3650 * 24 * 3600
    private static let alternativeNames = "DNS:localhost,IP:127.0.0.1,IP:::1"

    /// Makes a key and a certificate as PEM files (the key with mode 0600), unless both are there.
    package static func make(certificateFile: String, keyFile: String) throws(TLSError) {
        if access(certificateFile, R_OK) == 0 && access(keyFile, R_OK) == 0 { return }
        guard let key = confab_make_p256_key(), let certificate = X509_new() else {
            throw TLSError("cannot make a key")
        }
        defer {
            EVP_PKEY_free(key)
            X509_free(certificate)
        }
        fill(certificate, key)
        guard X509_sign(certificate, key, EVP_sha256()) > 0 else { throw TLSError("cannot sign the certificate") }
        try write(keyFile, mode: 0o600) { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
        try write(certificateFile, mode: 0o644) { PEM_write_bio_X509($0, certificate) }
    }

    private static func fill(_ certificate: OpaquePointer, _ key: OpaquePointer) {
        X509_set_version(certificate, 2)
        let serial = BN_new()
        BN_rand(serial, 127, 0, 0)
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate))
        BN_free(serial)
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600)
        X509_gmtime_adj(X509_getm_notAfter(certificate), validitySeconds)
        X509_set_pubkey(certificate, key)
        let name = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, "localhost", -1, -1, 0)
        X509_set_issuer_name(certificate, name)
        for (identifier, value) in [
            (NID_subject_alt_name, alternativeNames), (NID_basic_constraints, "critical,CA:TRUE"),
            (NID_key_usage, "critical,digitalSignature,keyCertSign"), (NID_ext_key_usage, "serverAuth"),
        ] {
            guard let extended = X509V3_EXT_conf_nid(nil, nil, identifier, value) else {
                preconditionFailure("the extensions are constants")
            }
            X509_add_ext(certificate, extended, -1)
            X509_EXTENSION_free(extended)
        }
    }

    private static func write(_ path: String, mode: mode_t, _ body: (OpaquePointer) -> Int32) throws(TLSError) {
        guard let memory = BIO_new(BIO_s_mem()) else { fatalOutOfMemory() }
        defer { BIO_free(memory) }
        guard body(memory) == 1 else { throw TLSError("cannot encode \(path)") }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw TLSError("cannot write \(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        // A file that was there keeps its mode otherwise.
        fchmod(descriptor, mode)
        var chunk = [UInt8](repeating: 0, count: 8192)
        while case let count = BIO_read(memory, &chunk, Int32(chunk.count)), count > 0 {
            guard Glibc.write(descriptor, chunk, Int(count)) == Int(count) else {
                throw TLSError("cannot write \(path): \(String(cString: strerror(errno)))")
            }
        }
    }
}
