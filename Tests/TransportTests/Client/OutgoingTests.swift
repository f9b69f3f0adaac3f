import Glibc
import Synchronization
import Testing

@testable import Transport

/// Connections that a reactor begins, with another reactor at the other end.
@Suite struct OutgoingTests {
    /// What became of one attempt.
    private final class Attempt: Sendable {
        let journal = Journal()
        private let failure = Mutex<String?>(nil)

        /// nil: it ended without a failure of TLS.
        var failureText: String? { failure.withLock { $0 } }

        func note(_ text: String?) { failure.withLock { $0 = text } }
    }

    /// A reactor of its own that sends `bytes` as soon as it is connected, and collects what comes back.
    private func begin(
        host: String, port: UInt16, tls: ClientTLSContext?, sending bytes: [UInt8]
    ) throws -> (reactor: TestReactor, attempt: Attempt) {
        let attempt = Attempt()
        let script = Probe.Script(closed: { id, io in attempt.note(io.failure(id)) })
        let reactor = try TestReactor(script)
        Dialer.dial(host: host, port: port, milliseconds: 5_000) { result in
            switch result {
            case .failure(let error):
                attempt.note("\(error)")
                attempt.journal.note { $0.calls += 1 }
            case .success(let socket):
                reactor.post { io in
                    do throws(SystemCallError) {
                        let id = try io.adopt(socket, tls: tls.map { ($0, host) })
                        io.append(bytes.span, to: id.slot)
                    } catch {
                        preconditionFailure("\(error)")
                    }
                }
            }
        }
        return (reactor, attempt)
    }

    @Test(arguments: ["127.0.0.1", "localhost"], [true, false])
    func speaksToWhomItTrusts(host: String, hasTLS: Bool) throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let server = try TestReactor(
            .echo, tls: hasTLS ? TLSConfiguration(try certificate.context()) : nil,
            address: host == "localhost" ? nil : host)
        let tls = hasTLS ? try ClientTLSContext(authorityFile: certificate.certificateFile) : nil
        let bytes = pattern(3 * 1024 * 1024)
        let (client, attempt) = try begin(host: host, port: server.port, tls: tls, sending: bytes)
        #expect(client.journal.wait { $0.received.count == bytes.count })
        #expect(client.journal.now.received == bytes)
        server.post { io in io.finish(0) }
        #expect(client.journal.wait { $0.closed.count == 1 })
        #expect(attempt.failureText == nil)
    }

    /// The certificate is for localhost and the loopback addresses.
    @Test func refusesACertificateForAnotherName() throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let server = try TestReactor(.echo, tls: TLSConfiguration(try certificate.context()), address: "127.0.0.2")
        let tls = try ClientTLSContext(authorityFile: certificate.certificateFile)
        let (client, attempt) = try begin(host: "127.0.0.2", port: server.port, tls: tls, sending: [1])
        #expect(client.journal.wait { $0.closed.count == 1 })
        #expect(attempt.failureText == "certificate: IP address mismatch")
        #expect(client.journal.now.received.isEmpty && server.journal.now.received.isEmpty)
    }

    @Test func refusesWhomItDoesNotKnow() throws {
        let certificates = try [TestCertificate(), TestCertificate()]
        defer { for certificate in certificates { certificate.remove() } }
        let server = try TestReactor(.echo, tls: TLSConfiguration(try certificates[0].context()))
        for tls in [
            try ClientTLSContext(authorityFile: certificates[1].certificateFile),
            try ClientTLSContext(authorityFile: nil),
        ] {
            let (client, attempt) = try begin(host: "127.0.0.1", port: server.port, tls: tls, sending: [1])
            #expect(client.journal.wait { $0.closed.count == 1 })
            #expect(attempt.failureText?.hasPrefix("certificate: self-signed certificate") == true)
            #expect(server.journal.now.received.isEmpty)
        }
    }

    @Test func whoSpeaksNoTLSIsRefused() throws {
        let server = try TestReactor(
            .init(opened: { id, io in io.append(Array("220 hello\r\n".utf8).span, to: id.slot) }))
        let tls = try ClientTLSContext(authorityFile: nil)
        let (client, attempt) = try begin(host: "127.0.0.1", port: server.port, tls: tls, sending: [1])
        #expect(client.journal.wait { $0.closed.count == 1 })
        #expect(attempt.failureText == "TLS: wrong version number")
    }

    @Test func tellsWhyThereIsNoConnection() throws {
        let free = try Listener(.init(tag: 0, address: "127.0.0.1", port: 0, isTLS: false))
        close(free.descriptor)
        for (host, expected) in [
            ("127.0.0.1", "127.0.0.1 port \(free.port): Connection refused"),
            ("name.invalid", "name.invalid: "),
        ] {
            let (_, attempt) = try begin(host: host, port: free.port, tls: nil, sending: [])
            #expect(attempt.journal.wait { $0.calls == 1 })
            #expect(attempt.failureText?.hasPrefix(expected) == true, "\(attempt.failureText ?? "")")
        }
    }

    /// A socket that nobody adopts does not stay open.
    @Test func aSocketThatIsNotAdoptedIsClosed() throws {
        let server = try TestReactor(.sink)
        let dialed = Journal()
        Dialer.dial(host: "127.0.0.1", port: server.port, milliseconds: 5_000) { result in
            if case .success = result { dialed.note { $0.calls += 1 } }
        }
        #expect(dialed.wait { $0.calls == 1 })
        #expect(server.journal.wait { $0.closed.count == 1 })
    }
}
