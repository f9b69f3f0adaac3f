import Diagnostics
import Glibc
import Synchronization
import Testing

@testable import Transport

/// An endpoint on a reactor of its own.
private final class TestEndpoint: Sendable {
    struct Handler: ~Copyable, ConnectionHandler {
        enum Mail: Sendable {
            case http(HTTPMail)
            case stop
        }

        var endpoint: HTTPEndpoint
        let journal: Journal

        mutating func opened(_ id: ConnectionID, listener: UInt8, peer: PeerAddress, io: inout Connections) {
            endpoint.opened(id, listener: listener, peer: peer, io: &io)
        }
        mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int {
            let used = endpoint.received(id, bytes, io: &io)
            journal.note { $0.calls += used }
            return used
        }
        mutating func closed(_ id: ConnectionID, io: inout Connections) {
            endpoint.closed(id)
            journal.note { $0.closed.append(id) }
        }
        mutating func deadlineReached(_ id: ConnectionID, io: inout Connections) {
            endpoint.deadlineReached(id, io: &io)
        }
        mutating func drained(_ id: ConnectionID, io: inout Connections) { endpoint.drained(id, io: &io) }
        mutating func mail(_ mail: [Mail], io: inout Connections) {
            for item in mail {
                switch item {
                case .http(let mail):
                    endpoint.mail(mail, io: &io)
                    let queued = io.table.indices.map { io.queuedBytes(Int32($0)) }.max() ?? 0
                    journal.note { $0.values.append(queued) }
                case .stop: io.stop()
                }
            }
        }
        mutating func tick(io: inout Connections) {}
        mutating func turnEnded(io: inout Connections) {}
    }

    /// `calls` are bytes that were received, `values` the most bytes that were queued after each mail.
    let journal = Journal()
    let port: UInt16
    private let mailbox: Mailbox<Handler.Mail>
    private let thread: TestThread

    init(
        tls: TLSConfiguration? = nil, _ respond: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) throws {
        signal(SIGPIPE, SIG_IGN)
        let listener = try Listener(.init(tag: 1, address: "127.0.0.1", port: 0, isTLS: tls != nil))
        let mailbox = try Mailbox<Handler.Mail>(), journal = journal
        port = listener.port
        self.mailbox = mailbox
        thread = TestThread {
            var limits = HTTPLimits()
            limits.streamed = [StreamedBody(method: "POST", path: "/up", bodyBytesMax: 64 << 20)]
            let endpoint = HTTPEndpoint(
                respond: { request, _ in await respond(request) }, post: { mailbox.post(.http($0)) }, limits: limits,
                makeRequestID: { "x" }, wallMilliseconds: { 1_800_000_000_000 })
            do throws(SystemCallError) {
                var reactor = try Reactor(
                    handler: Handler(endpoint: endpoint, journal: journal), listeners: [listener], mailbox: mailbox,
                    tls: tls, logger: Logger(minimum: .error))
                reactor.run()
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    deinit {
        mailbox.post(.stop)
        thread.join()
    }
}

/// Gives so many pieces of a pattern, and notes its end.
private final class PatternSource: HTTPBodySource {
    struct Broken: Error {}

    let length: Int
    private let bytes: [UInt8]
    private let pieceBytes: Int
    private let breaksAt: Int
    private let offset = Atomic<Int>(0)
    private let ended: @Sendable (Int) -> Void

    init(
        _ bytes: [UInt8], pieceBytes: Int, breaksAt: Int = .max, ended: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        (self.bytes, self.pieceBytes, self.breaksAt, self.ended) = (bytes, pieceBytes, breaksAt, ended)
        length = bytes.count
    }

    deinit { ended(offset.load(ordering: .relaxed)) }

    func next() async throws -> [UInt8] {
        let start = offset.load(ordering: .relaxed)
        if start >= breaksAt { throw Broken() }
        let piece = Array(bytes[start..<min(start + pieceBytes, length)])
        offset.store(start + piece.count, ordering: .relaxed)
        return piece
    }
}

/// Runs what waits for sockets on a thread of its own: the pool's threads are for those who answer.
private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    var thread: TestThread?
    defer { thread?.join() }
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        thread = TestThread { continuation.resume(with: Result { try body() }) }
    }
}

@Suite struct HTTPEndpointTests {
    private static let large = pattern(3_000_000)

    /// The head of an answer, and its body by Content-Length.
    private func answer(_ client: TestSocket) throws -> (head: String, body: [UInt8]) {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let more = try client.receive(exactly: 1)
            if more.isEmpty { return (String(decoding: bytes, as: UTF8.self), []) }
            bytes += more
        }
        let head = String(decoding: bytes, as: UTF8.self)
        let length = head.split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }?.split(separator: " ")
            .last
        return (head, try client.receive(exactly: length.flatMap { Int($0) } ?? 0))
    }

    private static func collect(_ request: HTTPRequest) async -> HTTPResponse {
        var bytes: [UInt8] = []
        do {
            while let more = try await request.stream!.next() { bytes += more }
        } catch {
            return HTTPResponse(status: 400)
        }
        return HTTPResponse(status: 200, body: bytes)
    }

    @Test func aBodyComesWholeAndTheConnectionStays() async throws {
        try await onThread {
            let server = try TestEndpoint { await Self.collect($0) }
            let client = try TestSocket(port: server.port)
            for round in 1...3 {
                try client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large.count)\r\n\r\n")
                try client.send(Self.large)
                let (head, body) = try answer(client)
                #expect(head.hasPrefix("HTTP/1.1 200") && body == Self.large, "round \(round)")
            }
        }
    }

    @Test func chunksAndWhatFollowsThemArePulledApart() async throws {
        try await onThread {
            let server = try TestEndpoint { await Self.collect($0) }
            let client = try TestSocket(port: server.port)
            let chunked =
                "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
            try client.send(chunked + chunked)
            for _ in 1...2 { #expect(try answer(client).body == Array("abcdefg".utf8)) }
        }
    }

    /// Nothing is read before somebody asks, and no more than a little beyond what is taken.
    @Test func aSlowReaderSlowsTheClient() async throws {
        try await onThread {
            let gate = Mutex<[CheckedContinuation<Void, Never>]>([])
            let server = try TestEndpoint { request in
                _ = try? await request.stream!.next()
                await withCheckedContinuation { waiting in gate.withLock { $0.append(waiting) } }
                return await Self.collect(request)
            }
            let client = try TestSocket(port: server.port)
            let sender = TestThread {
                try? client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large.count)\r\n\r\n")
                try? client.send(Self.large)
            }
            #expect(server.journal.wait { $0.calls > HTTPRequestStream.bufferBytesMax })
            usleep(200_000)
            #expect(server.journal.now.calls < HTTPRequestStream.bufferBytesMax + 3 * 64 * 1024)
            for waiting in gate.withLock({ $0 }) { waiting.resume() }
            let (_, body) = try answer(client)
            sender.join()
            #expect(body.count > Self.large.count - 100_000, "but for the first piece")
        }
    }

    @Test func continueIsSaidWhenSomebodyReads() async throws {
        try await onThread {
            let server = try TestEndpoint { request in
                request.query == "refuse" ? HTTPResponse(status: 413) : await Self.collect(request)
            }
            let client = try TestSocket(port: server.port)
            try client.send("POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            #expect(try answer(client).head == "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send("hi")
            #expect(try answer(client).body == Array("hi".utf8))
            // Who is refused sends nothing.
            try client.send("POST /up?refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
            let (head, _) = try answer(client)
            #expect(head.hasPrefix("HTTP/1.1 413") && head.contains("connection: close"))
            #expect(try client.receive() == [])
        }
    }

    /// The client sees an answer that came before it has sent all, and what it still sends does not hurt.
    @Test func anEarlyAnswerEndsTheConnection() async throws {
        try await onThread {
            let server = try TestEndpoint { request in
                _ = try? await request.stream!.next()
                return HTTPResponse(status: 413)
            }
            let client = try TestSocket(port: server.port)
            try client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large.count)\r\n\r\n")
            try client.send(Self.large)
            let (head, _) = try answer(client)
            #expect(head.hasPrefix("HTTP/1.1 413") && head.contains("connection: close"))
            #expect(try client.receiveToEnd() == [])
            client.close()
            #expect(server.journal.wait { $0.closed.count == 1 })
        }
    }

    @Test(arguments: [false, true]) func anAbortReachesTheReader(_ isReset: Bool) async throws {
        try await onThread {
            let told = Journal()
            let server = try TestEndpoint { request in
                let response = await Self.collect(request)
                told.note { $0.values.append(response.status) }
                return response
            }
            let client = try TestSocket(port: server.port)
            try client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large.count)\r\n\r\n")
            try client.send(Array(Self.large.prefix(1_000_000)))
            if isReset { client.reset() } else { client.close() }
            #expect(told.wait { $0.values == [400] })
            #expect(server.journal.wait { $0.closed.count == 1 })
        }
    }

    // MARK: Answers

    private func serving(
        pieceBytes: Int, breaksAt: Int = .max, tls: TLSConfiguration? = nil,
        ended: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> TestEndpoint {
        try TestEndpoint(tls: tls) { _ in
            HTTPResponse(
                status: 200, headers: [],
                source: PatternSource(Self.large, pieceBytes: pieceBytes, breaksAt: breaksAt, ended: ended))
        }
    }

    private static let get = "GET /down HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test(arguments: [1000, 64 * 1024, 5_000_000]) func anAnswerComesInPieces(_ pieceBytes: Int) async throws {
        try await onThread {
            let server = try serving(pieceBytes: pieceBytes)
            let client = try TestSocket(port: server.port)
            for _ in 1...2 {
                try client.send(Self.get)
                #expect(try answer(client).body == Self.large)
            }
            try client.send(
                "HEAD /down HTTP/1.1\r\nHost: a\r\n\r\n" + "GET /down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            var head: [UInt8] = []
            while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) { head += try client.receive(exactly: 1) }
            #expect(String(decoding: head, as: UTF8.self).contains("content-length: \(Self.large.count)\r\n"))
            #expect(try answer(client).body == Self.large)
            #expect(try client.receive() == [])
        }
    }

    /// A client that takes its time is served as it takes; the hub holds two pieces at most.
    @Test func aSlowClientCostsLittle() async throws {
        try await onThread {
            let server = try serving(pieceBytes: 64 * 1024)
            let client = try TestSocket(port: server.port, receiveBufferBytes: 4096)
            try client.send(Self.get)
            usleep(300_000)
            let (_, body) = try answer(client)
            #expect(body == Self.large)
            #expect(server.journal.now.values.max()! <= 64 * 1024 + Connections.refillBytes + 300)
        }
    }

    @Test(arguments: [false, true]) func aClientThatGoesEndsTheSource(_ isReset: Bool) async throws {
        try await onThread {
            let ended = Journal()
            let server = try serving(pieceBytes: 64 * 1024) { offset in ended.note { $0.values.append(offset) } }
            let client = try TestSocket(port: server.port, receiveBufferBytes: 4096)
            try client.send(Self.get)
            _ = try client.receive(exactly: 10_000)
            if isReset { client.reset() } else { client.close() }
            #expect(ended.wait { $0.values.count == 1 })
            #expect(server.journal.wait { $0.closed.count == 1 })
            #expect(ended.now.values[0] < Self.large.count + 1)
        }
    }

    /// What can't go on breaks the connection, so that the client does not take a part for the whole.
    @Test func aSourceThatBreaksBreaksTheConnection() async throws {
        try await onThread {
            let server = try serving(pieceBytes: 100_000, breaksAt: 1_000_000)
            let client = try TestSocket(port: server.port)
            try client.send(Self.get)
            let body = (try? answer(client).body.count) ?? 0
            #expect(body <= 1_000_000)
            #expect(server.journal.wait { $0.closed.count == 1 })
        }
    }
}
