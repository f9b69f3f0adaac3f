import COpenSSL
import Glibc
import Testing

@testable import Transport

/// A reactor's TLS against OpenSSL's client.
@Suite struct TLSTests {
    private static let megabyte = pattern(1024 * 1024)
    private static let large = pattern(8 * 1024 * 1024)
    private static let versions: [TLSClient.Version] = [.tls12, .tls13]

    @Test(arguments: versions) func echoesToASlowReader(_ version: TLSClient.Version) throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port, version: version, receiveBufferBytes: 4096)
        try client.handshake()
        #expect(client.version == version.rawValue)
        try client.send(Self.megabyte)
        try client.socket.send(client.closeNotify())
        #expect(try client.receiveToEnd() == Self.megabyte)
        #expect(client.hasReceivedCloseNotify)
        #expect(reactor.journal.wait { $0.open == 0 })
        #expect(reactor.ask { $0.pool.inUse } == 0)
    }

    /// Of 512 and of 4,096 bytes, as clients with little memory want them [RFC 6066 §4].
    @Test(arguments: versions, [1, 4]) func sendsSmallRecords(_ version: TLSClient.Version, _ code: UInt8) throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port, version: version, fragmentLength: code)
        try client.handshake()
        let bytes = Array(Self.megabyte[..<100_000])
        try client.send(bytes)
        #expect(try client.receive(exactly: bytes.count) == bytes)
    }

    @Test(arguments: versions) func resumesSessions(_ version: TLSClient.Version) throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        var session: OpaquePointer?
        defer { SSL_SESSION_free(session) }
        for round in 0..<3 {
            let client = try TLSClient(port: reactor.port, version: version, session: session)
            try client.handshake()
            try client.send("x")
            #expect(try client.receive(exactly: 1).count == 1)
            #expect(client.isResumed == (round > 0))
            SSL_SESSION_free(session)
            session = client.takeSession()
            // An orderly end, or else the session counts as broken.
            try client.socket.send(client.closeNotify())
        }
    }

    /// More than a turn of the reactor takes on: the others have the next turns, and none is forgotten.
    @Test func manyHandshakesEndAtOnce() throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        let clients = try (0..<40).map { _ in try TLSClient(port: reactor.port, version: .tls13) }
        let ends = try clients.map { try $0.handshakeHoldingTheEnd() }
        // All are there when the reactor looks next.
        reactor.post { _ in usleep(100_000) }
        for (client, end) in zip(clients, ends) { try client.socket.send(end + client.encrypt([1, 2])) }
        for client in clients { #expect(try client.receive(exactly: 2) == [1, 2]) }
    }

    @Test func refusesOldVersions() throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port, version: .tls11)
        #expect(throws: TLSClient.Failure.self) { try client.handshake() }
        #expect(reactor.journal.wait { $0.closed.count == 1 })
    }

    @Test func doesNotRenegotiate() throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port, version: .tls12)
        try client.handshake()
        #expect(client.renegotiate())
        try client.socket.send(client.takeOutput())
        // The server's no_renegotiation ends the client's attempt.
        #expect(throws: TLSClient.Failure.self) { _ = try client.receive() }
    }

    /// Each byte in a packet of its own, or records torn anywhere.
    @Test(arguments: versions, [1, 5, 1000, 70_000]) func takesTornRecords(_ version: TLSClient.Version, _ size: Int)
        throws
    {
        let reactor = try TestReactor(.sink, tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port, version: version)
        try client.handshake()
        let bytes = Array(Self.megabyte[..<min(size * 100, 300_000)])
        var cipher = client.encrypt(bytes)[...]
        while !cipher.isEmpty {
            try client.socket.send(Array(cipher.prefix(size)))
            cipher = cipher.dropFirst(size)
        }
        #expect(reactor.journal.wait { $0.received.count == bytes.count })
        #expect(reactor.journal.now.received == bytes)
    }

    /// One read may end a record that was nearly there and bring more records, behind much that the handler has left.
    @Test func aReadCanBringMorePlainTextThanCipherText() throws {
        let first = [Int](repeating: 15_000, count: 4) + [16_384]
        let second = [16_384, 16_384, 16_384, 16_295]
        let total = (first + second).reduce(0, +)
        let journal = Journal()
        let reactor = try TestReactor(
            Probe.Script(received: { _, bytes, _ in
                journal.note { $0.calls = bytes.count }
                return bytes.count < total ? 0 : bytes.count
            }), tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port)
        try client.handshake()
        #expect(reactor.journal.wait { $0.opened.count == 1 })
        let bytes = Array(Self.megabyte[..<total])
        var offset = 0
        func records(_ sizes: [Int]) -> [UInt8] {
            sizes.flatMap { size in
                offset += size
                return client.encrypt(Array(bytes[(offset - size)..<offset]))
            }
        }
        let beginning = records(first)
        let end = beginning.suffix(1) + records(second)
        try client.socket.send(beginning.dropLast())
        #expect(journal.wait { $0.calls == 60_000 })
        let gate = Journal()
        reactor.post { _ in _ = gate.wait { $0.calls == 1 } }
        try client.socket.send(Array(end))
        gate.note { $0.calls = 1 }
        #expect(reactor.journal.wait { $0.received.count == total })
        #expect(reactor.journal.now.received == bytes)
    }

    @Test(arguments: versions) func aPeerThatEndsItsSideStillGetsItsAnswer(_ version: TLSClient.Version) throws {
        let reactor = try TestReactor(
            Probe.Script(received: { id, bytes, io in
                io.append(Self.large, to: id.slot)
                return bytes.count
            }), tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port, version: version, receiveBufferBytes: 4096)
        try client.handshake()
        try client.socket.send(client.encrypt([1]) + client.closeNotify())
        client.socket.endSending()
        #expect(try client.receiveToEnd() == Self.large)
        #expect(client.hasReceivedCloseNotify)
    }

    /// The request and the end of the peer's side come in one read; the answer takes a while.
    @Test func anAnswerThatComesLaterReachesAHalfClosedPeer() throws {
        let reactor = try TestReactor(
            Probe.Script(received: { id, bytes, io in
                io.pauseReading(id.slot)
                return 1
            }), tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port)
        try client.handshake()
        try client.socket.send(client.encrypt(Array("ab".utf8)) + client.closeNotify())
        for round in 1...2 {
            #expect(reactor.journal.wait { $0.received.count == round })
            reactor.post { io in
                io.append([UInt8(round)], to: 0)
                io.resumeReading(0)
            }
        }
        #expect(try client.receiveToEnd() == [1, 2])
        #expect(client.hasReceivedCloseNotify)
        #expect(reactor.journal.wait { $0.open == 0 })
    }

    @Test func aCutConnectionsBytesCount() throws {
        let reactor = try TestReactor(.sink, tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port)
        try client.handshake()
        let cipher = client.encrypt(Array("whole".utf8)) + client.encrypt(Array("half".utf8)).dropLast(3)
        try client.socket.send(cipher)
        client.socket.close()
        #expect(reactor.journal.wait { $0.closed.count == 1 })
        #expect(reactor.journal.now.received == Array("whole".utf8))
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u{10}\u{0}\u{0}\u{4}MQTT", "\u{16}\u{3}\u{1}", "x"])
    func aPlainClientIsTurnedAway(_ text: String) throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        let client = try TestSocket(port: reactor.port)
        try client.send(text)
        client.endSending()
        // An alert at most.
        #expect((try? client.receiveToEnd())?.count ?? 0 < 10)
        #expect(reactor.journal.wait { $0.closed.count == 1 })
        #expect(reactor.journal.now.received.isEmpty)
    }

    @Test(arguments: versions) func finishingSaysSo(_ version: TLSClient.Version) throws {
        let reactor = try TestReactor(
            Probe.Script(received: { id, bytes, io in
                io.lingerMilliseconds = 100
                io.append(Self.large, to: id.slot)
                io.finish(id.slot)
                return bytes.count
            }), tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port, version: version, receiveBufferBytes: 4096)
        try client.handshake()
        try client.send("x")
        #expect(try client.receiveToEnd() == Self.large)
        #expect(client.hasReceivedCloseNotify)
    }

    /// Output that is there before the handshake is done waits for it.
    @Test func outputWaitsForTheHandshake() throws {
        var script = Probe.Script.sink
        script.opened = { id, io in io.append(Array("welcome".utf8), to: id.slot) }
        let reactor = try TestReactor(script, tls: TestCertificate.shared)
        let client = try TLSClient(port: reactor.port)
        #expect(reactor.journal.wait { $0.opened.count == 1 })
        try client.handshake()
        #expect(try client.receive(exactly: 7) == Array("welcome".utf8))
    }

    /// A storm of handshakes, all in one turn, and among them one who is connected.
    @Test func manyHandshakesAtOnceAllSucceed() throws {
        let reactor = try TestReactor(.echo, tls: TestCertificate.shared)
        let clients = try (0..<60).map { _ in try TLSClient(port: reactor.port) }
        #expect(reactor.journal.wait { $0.opened.count == clients.count })
        for client in clients { try client.handshake() }
        for client in clients { try client.send("x") }
        for client in clients { #expect(try client.receive(exactly: 1).count == 1) }
    }
}
