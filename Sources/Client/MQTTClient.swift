import Synchronization
import Transport

/// A client of an MQTT 5 server that keeps itself connected.
///
///     let client = try MQTTClient(MQTTClient.Configuration(
///         host: "chat.example.org", authentication: .token { try await readToken() }, clientID: "echo"))
///     try await client.connect()
///     try await client.subscribe(to: "group/+", noLocal: true)
///     for try await message in client.messages {
///         try await client.publish("Thank you", to: message.topic)
///     }
///
/// A connection that is lost is made again, with growing pauses, until the server refuses the client for good or `disconnect` is called. The
/// session at the server goes on: subscriptions stay, messages of QoS 1 and 2 that came meanwhile are delivered, publishes of QoS 1 and 2
/// without an answer are sent again. All methods may be called from any task.
public final class MQTTClient: Sendable {
    private static let lastNumber = Atomic<UInt64>(0)

    /// As it was when the client was made.
    public let configuration: Configuration
    private let number: UInt64

    /// Does not connect yet.
    /// - Throws: `MQTTError.invalid` for settings that can't be meant, or an authority file that can't be read.
    public init(_ configuration: Configuration) throws(MQTTError) {
        try configuration.check()
        let tls = try configuration.makeTLS()
        let number = Self.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
        self.number = number
        self.configuration = configuration
        ClientReactor.shared.post { worker, _ in
            worker.drivers[number] = ClientDriver(number: number, configuration, tls: tls)
        }
    }

    /// A client that is let go of without `disconnect` leaves its session at the server, and what was not acknowledged there.
    deinit {
        ClientReactor.shared.post { [number] worker, io in
            worker.drivers.removeValue(forKey: number)?.abandon(&io)
        }
    }

    /// Connects, and returns when the server has accepted the client. A server that can't be reached is tried again and again, and so is a token
    /// that can't be had: cancel the task to give up.
    /// - Throws: `MQTTError.refused` if the server does not want this client, with two tokens in a row where there are tokens;
    ///   `MQTTError.closed` after `disconnect`; `CancellationError`.
    public func connect() async throws {
        try await call { driver, call, continuation, io in
            driver.connect(call.id, continuation, &io)
        } cancelled: { driver, id, io in
            if driver.connects.cancel(id), driver.connects.isEmpty { driver.abandon(&io) }
        }
    }

    /// Ends well: publishes that have no answer yet, and the message that the program is busy with, have
    /// `Configuration.disconnectMilliseconds`; then the server is told, and `messages` ends. The session stays at the server for as long as the
    /// configuration says.
    /// - Parameter endingSession: the server is to forget the session, if there is a connection to tell it.
    public func disconnect(endingSession: Bool = false) async {
        // It ends whether anybody waits for it or not, so that it can't be cancelled.
        _ = try? await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let call = Call()
            ClientReactor.shared.post { [number] worker, io in
                worker.with(number, &io) { $0.finish(call.id, continuation, forgetting: endingSession, &$1) }
            }
        }
    }

    // MARK: Calls

    /// Has the client's thread begin something, and waits until it resumes the continuation.
    func call<Answer: Sendable>(
        _ body:
            @escaping @Sendable (
                ClientDriver, Call, CheckedContinuation<Answer, any Error>, inout Connections
            ) -> Void,
        cancelled: @escaping @Sendable (ClientDriver, RequestID, inout Connections) -> Void
    ) async throws -> Answer {
        let call = Call(), number = number
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                ClientReactor.shared.post { worker, io in
                    if call.isCancelled {
                        continuation.resume(throwing: CancellationError())
                        return
                    }
                    worker.with(number, &io) { body($0, call, continuation, &$1) }
                }
            }
        } onCancel: {
            call.cancel()
            ClientReactor.shared.post { worker, io in
                worker.with(number, &io) { cancelled($0, call.id, &$1) }
            }
        }
    }

    /// Has the client's thread do something that has no answer.
    func tell(_ body: @escaping @Sendable (ClientDriver) -> Void) {
        ClientReactor.shared.post { [number] worker, io in
            worker.with(number, &io) { driver, _ in body(driver) }
        }
    }
}

extension MQTTClient.Configuration {
    fileprivate func check() throws(MQTTError) {
        guard (1...255).contains(host.utf8.count), !host.utf8.contains(0) else {
            throw .invalid("a host has 1 to 255 bytes")
        }
        guard (1...65_535).contains(clientID.utf8.count), !clientID.utf8.contains(0) else {
            throw .invalid("a client id has 1 to 65,535 bytes")
        }
        if case .password(let user, let password) = authentication {
            guard user.utf8.count <= 65_535, password.utf8.count <= 65_535 else {
                throw .invalid("a user name and a password have at most 65,535 bytes")
            }
        }
        guard port > 0 else { throw .invalid("a port is 1 to 65,535") }
        guard receiveMaximum > 0 else { throw .invalid("receiveMaximum is at least 1") }
        guard (64...268_435_460).contains(packetBytesMax) else {
            throw .invalid("packetBytesMax is 64 to 268,435,460")
        }
        let isPositive =
            connectMilliseconds > 0 && reconnectMilliseconds > 0 && reconnectMillisecondsMax >= reconnectMilliseconds
            && disconnectMilliseconds >= 0
        guard isPositive else { throw .invalid("times are above 0, and the longest pause is not the shortest") }
    }

    fileprivate func makeTLS() throws(MQTTError) -> ClientTLSContext? {
        do throws(TLSError) {
            switch security {
            case .plainTCP: return nil
            case .tls: return try ClientTLSContext(authorityFile: nil)
            case .tlsTrusting(let file): return try ClientTLSContext(authorityFile: file)
            }
        } catch {
            throw .invalid("\(error)")
        }
    }
}
