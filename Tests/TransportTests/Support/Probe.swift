import Diagnostics
import Glibc

@testable import Transport

/// A handler that does what the test says and notes what happens.
struct Probe: ConnectionHandler {
    /// Runs on the reactor's thread.
    typealias Mail = @Sendable (inout Connections) -> Void

    /// What a test may replace.
    struct Script: Sendable {
        /// Gets what arrived; returns how many bytes are used.
        var received: @Sendable (ConnectionID, [UInt8], inout Connections) -> Int = { _, bytes, _ in bytes.count }
        var opened: @Sendable (ConnectionID, inout Connections) -> Void = { _, _ in }
        var closed: @Sendable (ConnectionID, inout Connections) -> Void = { _, _ in }
        var drained: @Sendable (ConnectionID, inout Connections) -> Void = { _, _ in }

        /// Takes everything.
        static let sink = Script(received: { _, bytes, _ in bytes.count })
        /// Sends back everything.
        static let echo = Script(received: { id, bytes, io in
            io.append(bytes, to: id.slot)
            return bytes.count
        })
    }

    let script: Script
    let journal: Journal

    mutating func opened(_ id: ConnectionID, listener: UInt8, peer: PeerAddress, io: inout Connections) {
        script.opened(id, &io)
        journal.note {
            $0.opened.append(id)
            $0.peers.append(peer)
        }
    }

    mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int {
        let copy = bytes.withUnsafeBufferPointer { Array($0) }
        let used = script.received(id, copy, &io)
        journal.note {
            $0.received += copy[..<used]
            $0.calls += 1
        }
        return used
    }

    mutating func closed(_ id: ConnectionID, io: inout Connections) {
        script.closed(id, &io)
        journal.note { $0.closed.append(id) }
    }

    mutating func deadlineReached(_ id: ConnectionID, io: inout Connections) {
        journal.note { $0.deadlines.append((id, io.now)) }
    }

    mutating func drained(_ id: ConnectionID, io: inout Connections) {
        script.drained(id, &io)
        journal.note { $0.drained += 1 }
    }

    mutating func mail(_ mail: [Mail], io: inout Connections) {
        for item in mail { item(&io) }
    }

    mutating func tick(io: inout Connections) {}

    mutating func turnEnded(io: inout Connections) {
        journal.note { $0.turns += 1 }
    }
}

/// A running reactor with a probe on a free port of the loopback address.
final class TestReactor: Sendable {
    let journal = Journal()
    let port: UInt16
    private let mailbox: Mailbox<Probe.Mail>
    private let thread: TestThread

    init(
        _ script: Probe.Script, tls: TLSConfiguration? = nil, address: String? = "127.0.0.1",
        guest: (any ReactorGuest)? = nil
    ) throws {
        // OpenSSL writes to the client's sockets by write(2).
        signal(SIGPIPE, SIG_IGN)
        let listener = try Listener(.init(tag: 1, address: address, port: 0, isTLS: tls != nil))
        let mailbox = try Mailbox<Probe.Mail>()
        let probe = Probe(script: script, journal: journal)
        port = listener.port
        self.mailbox = mailbox
        thread = TestThread {
            do throws(SystemCallError) {
                var reactor = try Reactor(
                    handler: probe, listeners: [listener], mailbox: mailbox, guest: guest, tls: tls,
                    logger: Logger(minimum: .error))
                reactor.run()
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    deinit {
        mailbox.post { $0.stop() }
        thread.join()
    }

    func post(_ mail: @escaping Probe.Mail) { mailbox.post(mail) }

    /// Asks on the reactor's thread.
    func ask(_ question: @escaping @Sendable (inout Connections) -> Int) -> Int? {
        let answer = Journal()
        mailbox.post { io in
            let value = question(&io)
            answer.note { $0.values.append(value) }
        }
        return answer.wait { !$0.values.isEmpty } ? answer.now.values.first : nil
    }

    /// The first connection, once it is there.
    func first() -> ConnectionID? {
        journal.wait { !$0.opened.isEmpty } ? journal.now.opened.first : nil
    }
}

extension Connections {
    mutating func append(_ bytes: [UInt8], to slot: Int32) { append(bytes.span, to: slot) }
}
