import Glibc

@testable import Transport

/// A certificate in a directory of its own.
struct TestCertificate {
    let directory: String

    init() throws {
        var template = Array("/tmp/confab-tls-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw TestSocket.Failure(code: errno) }
        directory = String(cString: made)
        try SelfSignedCertificate.make(certificateFile: certificateFile, keyFile: keyFile)
    }

    var certificateFile: String { directory + "/cert.pem" }
    var keyFile: String { directory + "/key.pem" }

    func context() throws -> TLSContext { try TLSContext(certificateFile: certificateFile, keyFile: keyFile) }

    func remove() {
        unlink(certificateFile)
        unlink(keyFile)
        rmdir(directory)
    }

    /// Made once for all tests that only need a working one.
    static let shared: TLSConfiguration = {
        do {
            let certificate = try TestCertificate()
            defer { certificate.remove() }
            return TLSConfiguration(try certificate.context())
        } catch {
            preconditionFailure("\(error)")
        }
    }()
}
