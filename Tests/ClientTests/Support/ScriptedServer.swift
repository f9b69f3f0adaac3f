import Glibc
import MQTT
import Synchronization
import Transport

/// A server on a port of the loopback address that does what its script says, on a thread of its own. Every wait has a deadline.
final class ScriptedServer: Sendable {
    struct Failure: Error, CustomStringConvertible { var description: String }

    let port: UInt16
    private let listener: Int32
    private let outcome: Outcome

    private final class Outcome: Sendable {
        private struct State {
            var result: Result<Void, any Error>?
            var waiting: CheckedContinuation<Void, any Error>?
        }
        private let state = Mutex(State())

        func finish(_ result: Result<Void, any Error>) {
            let waiting = state.withLock { state in
                state.result = result
                return state.waiting
            }
            waiting?.resume(with: result)
        }

        func wait() async throws {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state in
                    if state.result == nil { state.waiting = continuation }
                    return state.result
                }
                if let result { continuation.resume(with: result) }
            }
        }
    }

    /// - Parameter script: accepts connections by what it is given, and speaks on them.
    init(_ script: @escaping @Sendable (_ accept: () throws -> ServerConnection) throws -> Void) throws {
        let made = try Listener(.init(tag: 0, address: "127.0.0.1", port: 0, isTLS: false))
        port = made.port
        let listener = made.descriptor
        self.listener = listener
        let outcome = Outcome()
        self.outcome = outcome
        startThread("scripted-server") {
            outcome.finish(
                Result {
                    try script {
                        try ServerConnection.wait(listener, "a connection")
                        return ServerConnection(accept(listener, nil, nil))
                    }
                })
        }
    }

    deinit { close(listener) }

    /// Throws what was not as the script expects.
    func finished() async throws { try await outcome.wait() }
}

/// One connection of the scripted server. On its thread only.
final class ServerConnection {
    private static let patienceMilliseconds: Int32 = 10_000
    private let descriptor: Int32
    private var input: [UInt8] = []

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    static func wait(_ descriptor: Int32, _ what: String) throws {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&request, 1, patienceMilliseconds) == 1 else {
            throw ScriptedServer.Failure(description: "\(what) has not come in time")
        }
    }

    /// The client sees the connection end.
    func cut() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func send(_ write: (inout [UInt8]) -> Void) throws {
        var bytes: [UInt8] = []
        write(&bytes)
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw ScriptedServer.Failure(description: "send: \(errno)")
        }
    }

    /// The next packet, with its bytes; nil at the end of the connection.
    func next() throws -> (packet: ClientPacket, bytes: [UInt8])? {
        while true {
            let read = input
            if let header = try FixedHeader.read(read.span, at: 0, packetBytesMax: 1 << 28),
                read.count >= header.packetLength
            {
                input.removeFirst(header.packetLength)
                return (try ClientPacket.decode(header, in: read.span, at: 0, version: .v5), read)
            }
            try Self.wait(descriptor, "a packet")
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { return nil }
            input += chunk[..<count]
        }
    }

    /// The next packet must be this one, in the words of `describe`.
    @discardableResult
    func expect(_ words: String) throws -> (packet: ClientPacket, bytes: [UInt8]) {
        guard let (packet, bytes) = try next() else {
            throw ScriptedServer.Failure(description: "the connection ended, expected \(words)")
        }
        let found = describe(packet, in: bytes)
        guard found == words else { throw ScriptedServer.Failure(description: "\(found), expected \(words)") }
        return (packet, bytes)
    }

    func expectEnd() throws {
        if let (packet, bytes) = try next() {
            throw ScriptedServer.Failure(description: "\(describe(packet, in: bytes)), expected the end")
        }
    }

    /// CONNECT and its answer.
    @discardableResult
    func welcome(sessionPresent: Bool = false, reason: ReasonCode = .success) throws -> Connect {
        guard case .connect(let connect)? = try next()?.packet else {
            throw ScriptedServer.Failure(description: "no CONNECT")
        }
        try send {
            ServerPacket.encodeConnack(into: &$0, version: .v5, sessionPresent: sessionPresent, reason: reason)
        }
        return connect
    }

    func acknowledge(
        _ type: PacketType, _ id: UInt16, _ reason: ReasonCode = .success, properties: [(String, String)] = []
    ) throws {
        var raw: [UInt8] = []
        for (name, value) in properties { raw.appendUserProperty(name, value) }
        try send {
            ServerPacket.encodeAcknowledgement(
                type, into: &$0, version: .v5, packetID: id, reason: reason, properties: raw)
        }
    }

    func deliver(_ payload: String, qos: QoS = .atLeastOnce, id: UInt16 = 0, dup: Bool = false, seq: Int? = nil) throws
    {
        var raw: [UInt8] = []
        if let seq { raw.appendUserProperty("seq", "\(seq)") }
        try send {
            ServerPacket.encodePublish(
                into: &$0, version: .v5, topic: Array("group/1".utf8), payload: Array(payload.utf8), qos: qos,
                retain: false, dup: dup, packetID: id, properties: DeliveryProperties(forwarded: raw))
        }
    }
}
