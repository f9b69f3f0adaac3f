import COpenSSL
import Glibc
import Testing

@testable import Transport

@Suite struct TLSContextTests {
    /// An SSL object counts as a user of its context, which tells when the last of them is gone.
    private static let index = CRYPTO_get_ex_new_index(
        CRYPTO_EX_INDEX_SSL_CTX, 0, nil, nil, nil,
        { _, journal, _, _, _, _ in
            guard let journal else { return }
            Unmanaged<Journal>.fromOpaque(journal).takeRetainedValue().note { $0.calls += 1 }
        })

    @Test func everyConnectionsStateIsFreed() throws {
        let journal = Journal()
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        func useContext() throws {
            let context = try certificate.context()
            SSL_CTX_set_ex_data(context.pointer, Self.index, Unmanaged.passRetained(journal).toOpaque())
            let reactor = try TestReactor(.echo, tls: TLSConfiguration(context))
            var open: [TLSClient] = []
            for round in 0..<40 {
                let client = try TLSClient(port: reactor.port)
                switch round % 4 {
                // Gone before the handshake.
                case 0: break
                // Gone in a failed one.
                case 1: try client.socket.send("nonsense")
                case 2: try client.handshake()
                // Still there when the reactor ends.
                default:
                    try client.handshake()
                    open.append(client)
                }
            }
            #expect(reactor.journal.wait { $0.closed.count == 30 })
            #expect(journal.now.calls == 0)
        }
        try useContext()
        #expect(journal.now.calls == 1)
    }

    @Test func newConnectionsGetTheNewCertificate() throws {
        let certificates = try [TestCertificate(), TestCertificate()]
        defer { for certificate in certificates { certificate.remove() } }
        let configuration = TLSConfiguration(try certificates[0].context())
        let reactor = try TestReactor(.echo, tls: configuration)
        let first = try TLSClient(port: reactor.port)
        try first.handshake()
        configuration.replace(with: try certificates[1].context())
        let second = try TLSClient(port: reactor.port)
        try second.handshake()
        #expect(first.peerCertificate != second.peerCertificate)
        for client in [first, second] {
            try client.send("x")
            #expect(try client.receive(exactly: 1).count == 1)
        }
    }

    @Test func aCertificateIsMadeOnce() throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        var status = stat()
        #expect(stat(certificate.keyFile, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let before = status.st_mtim.tv_nsec
        try SelfSignedCertificate.make(certificateFile: certificate.certificateFile, keyFile: certificate.keyFile)
        #expect(stat(certificate.keyFile, &status) == 0 && status.st_mtim.tv_nsec == before)
    }

    /// Never with the mode of what happened to be there.
    @Test func aNewKeyIsNobodyElsesToRead() throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        unlink(certificate.certificateFile)
        chmod(certificate.keyFile, 0o644)
        try SelfSignedCertificate.make(certificateFile: certificate.certificateFile, keyFile: certificate.keyFile)
        var status = stat()
        #expect(stat(certificate.keyFile, &status) == 0 && status.st_mode & 0o777 == 0o600)
        _ = try certificate.context()
    }

    @Test func tellsFilesThatDoNotWork() throws {
        let certificates = try [TestCertificate(), TestCertificate()]
        defer { for certificate in certificates { certificate.remove() } }
        let (one, other) = (certificates[0], certificates[1])
        for (certificate, key, text) in [
            (one.directory + "/none", one.keyFile, "cannot read certificate"),
            (one.keyFile, one.keyFile, "cannot read certificate"),
            (one.certificateFile, one.directory + "/none", "cannot use key"),
            (one.certificateFile, one.certificateFile, "cannot use key"),
            (one.certificateFile, other.keyFile, "cannot use key"),
        ] {
            let error = #expect(throws: TLSError.self) { try TLSContext(certificateFile: certificate, keyFile: key) }
            #expect(error?.description.hasPrefix(text) == true, "\(error?.description ?? "")")
        }
    }
}
