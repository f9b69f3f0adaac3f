import Diagnostics
import MQTT
import Transport

/// One client: keeps its session connected, and answers its callers. On the thread of `ClientReactor` only.
final class ClientDriver {
    enum Link {
        /// `connect` was not called yet.
        case idle
        /// The token is asked for, or the socket is being connected.
        case preparing
        /// TLS, CONNECT and its answer.
        case connecting(ConnectionID, until: Int64)
        case online(ConnectionID, since: Int64)
        case pausing(until: Int64)
        /// DISCONNECT is sent; the server has this long to take it.
        case closing(ConnectionID, until: Int64)
        case ended
    }

    /// How long the server has to take DISCONNECT and to close the connection.
    private static let goodbyeMilliseconds: Int64 = 3_000

    let number: UInt64
    let configuration: MQTTClient.Configuration
    let tls: ClientTLSContext?
    var session: ClientSession
    var link = Link.idle
    /// Numbers the attempts to connect, so that what comes late of an earlier one is recognised.
    var attempt = 0
    var credentials = ClientSession.Credentials.none
    private var backoff: Backoff
    private var generator = SystemRandomNumberGenerator()
    /// The last attempt was refused for its token.
    private var wasUnauthorized = false
    /// Why the current connection is about to end, if it is known better than by its end.
    private var endReason: MQTTError?
    /// Monotonic milliseconds; nil: the token needs no renewal, or one is under way.
    var renewsAt: Int64?
    /// `disconnect` was called: so long it waits for what is under way.
    private var finishesBy: Int64?
    private var forgetsSession = false
    /// What ended the client; nil: `disconnect` did.
    private var failure: MQTTError?

    var connects = Waiters<Void>()
    var disconnects = Waiters<Void>()
    var publishes = Waiters<PublishAcknowledgement>()
    /// Publishes of QoS 0 that wait until the socket takes more.
    var flushes = Waiters<PublishAcknowledgement>()
    var subscribes = Waiters<SubscribeAcknowledgement>()
    var unsubscribes = Waiters<Void>()
    var consumers = Waiters<MQTTMessage?>()

    init(number: UInt64, _ configuration: MQTTClient.Configuration, tls: ClientTLSContext?) {
        self.number = number
        self.configuration = configuration
        self.tls = tls
        session = ClientSession(configuration)
        backoff = Backoff(
            firstMilliseconds: configuration.reconnectMilliseconds,
            maxMilliseconds: configuration.reconnectMillisecondsMax)
    }

    var connection: ConnectionID? {
        switch link {
        case .connecting(let id, _), .online(let id, _), .closing(let id, _): id
        case .idle, .preparing, .pausing, .ended: nil
        }
    }

    /// nil: it goes on.
    var endError: MQTTError? {
        if case .ended = link { return failure ?? .closed }
        return nil
    }

    /// Nothing more is handed to the program: who asks for a message waits for the end.
    var isFinishing: Bool { finishesBy != nil }

    // MARK: The connection

    func adopt(_ socket: DialedSocket, _ io: inout Connections) {
        do throws(SystemCallError) {
            let id = try io.adopt(socket, tls: tls.map { ($0, configuration.host) })
            link = .connecting(id, until: io.now + configuration.connectMilliseconds)
            endReason = nil
            session.begin(credentials)
        } catch {
            lost(.connectionFailed("\(error)"), &io)
        }
    }

    /// - Returns: bytes of whole packets.
    func received(_ bytes: Span<UInt8>, _ io: inout Connections) -> Int {
        var position = 0
        do throws(ProtocolError) {
            let limit = Int(configuration.packetBytesMax)
            while endReason == nil, let header = try FixedHeader.read(bytes, at: position, packetBytesMax: limit),
                bytes.count - position >= header.packetLength
            {
                try session.receive(header, in: bytes, at: position, now: io.now)
                position += header.packetLength
                handleEvents(&io)
            }
        } catch {
            if session.isOnline { session.disconnect(error.reason) }
            drop(.connectionFailed("the server breaks the protocol: \(error.message)"), &io)
        }
        // What follows the packet that ended the connection counts no more.
        return endReason == nil ? position : bytes.count
    }

    /// Has the connection end, for this reason.
    private func drop(_ reason: MQTTError, _ io: inout Connections) {
        endReason = endReason ?? reason
        guard let connection, io.isOpen(connection) else { return }
        flush(&io)
        io.finish(connection.slot)
    }

    func connectionEnded(_ id: ConnectionID, _ why: String, _ io: inout Connections) {
        guard connection == id else { return }
        if case .closing = link {
            end(nil)
            return
        }
        lost(endReason ?? .connectionFailed(why), &io)
    }

    /// The connection, or the attempt to make one, has failed.
    func lost(_ reason: MQTTError, _ io: inout Connections) {
        if case .online(_, let since) = link, io.now - since >= Backoff.goodMilliseconds { backoff.reset() }
        session.connectionLost()
        flushes.resumeAll(.failure(.notConnected))
        renewsAt = nil
        if isFinishing {
            end(nil)
            return
        }
        if case .refused(let refusal) = reason, !retries(after: refusal) {
            end(reason)
            return
        }
        let pause = backoff.next(using: &generator)
        link = .pausing(until: io.now + pause)
        configuration.onEvent(.disconnected(reason, retryMilliseconds: pause))
    }

    private func retries(after refusal: Refusal) -> Bool {
        let isConnack = if case .connecting = link { true } else { false }
        let retries = RetryPolicy.retries(
            refusal.reason, isConnack: isConnack, wasUnauthorized: wasUnauthorized)
        wasUnauthorized = isConnack && refusal.reason == .notAuthorized
        return retries
    }

    // MARK: Events

    func handleEvents(_ io: inout Connections) {
        for event in session.takeEvents() {
            switch event {
            case .connected(let sessionPresent): connected(sessionPresent, &io)
            case .refused(let refusal): drop(.refused(refusal), &io)
            case .published(let request, .taken(let taken)): publishes.resume(request, .success(taken))
            case .published(let request, .failed(let error)): publishes.resume(request, .failure(error))
            case .answered(let request, .subscribed(let answer)): subscribes.resume(request, .success(answer))
            case .answered(let request, .unsubscribed): unsubscribes.resume(request, .success(()))
            case .answered(let request, .failed(let error)):
                subscribes.resume(request, .failure(error))
                unsubscribes.resume(request, .failure(error))
            case .subscriptionLost(let filter, let refusal):
                configuration.onEvent(.subscriptionLost(filter: filter, refusal))
            case .reauthenticated: scheduleRenewal(io.now)
            }
        }
        serveConsumers()
        finishIfQuiet(&io)
    }

    private func connected(_ sessionPresent: Bool, _ io: inout Connections) {
        guard case .connecting(let id, _) = link else { preconditionFailure("CONNACK comes while connecting") }
        link = .online(id, since: io.now)
        wasUnauthorized = false
        scheduleRenewal(io.now)
        configuration.onEvent(.connected(sessionPresent: sessionPresent))
        connects.resumeAll(.success(()))
    }

    private func serveConsumers() {
        guard !isFinishing else { return }
        while !consumers.isEmpty, let message = session.takeMessage() { consumers.resumeFirst(message) }
    }

    func drained() {
        flushes.resumeAll(.success(PublishAcknowledgement(reason: .success)))
    }

    /// Sends what the session has to say.
    func flush(_ io: inout Connections) {
        handleEvents(&io)
        let output = session.takeOutput(now: io.now)
        guard !output.isEmpty, let connection else { return }
        io.append(output.span, to: connection.slot)
    }

    // MARK: Time

    func tick(_ io: inout Connections) {
        if let finishesBy, io.now >= finishesBy, case .online = link { sayGoodbye(&io) }
        switch link {
        case .idle, .preparing, .ended: break
        case .pausing(let until): if io.now >= until { start(&io) }
        case .connecting(let id, let until):
            if io.now >= until {
                endReason = endReason ?? .connectionFailed("the server has not answered in time")
                io.abort(id.slot)
            }
        case .closing(let id, let until): if io.now >= until { io.abort(id.slot) }
        case .online(let id, _):
            if !session.tick(now: io.now) {
                endReason = endReason ?? .connectionFailed("the server is silent")
                io.abort(id.slot)
            } else if let renewsAt, io.now >= renewsAt {
                renew()
            }
        }
    }

    // MARK: The end

    /// `disconnect`: waits for what is under way, then ends.
    func finish(
        _ id: RequestID, _ continuation: CheckedContinuation<Void, any Error>, forgetting: Bool,
        _ io: inout Connections
    ) {
        if case .ended = link {
            continuation.resume()
            return
        }
        disconnects.insert(id, continuation)
        forgetsSession = forgetsSession || forgetting
        if finishesBy == nil { finishesBy = io.now + configuration.disconnectMilliseconds }
        switch link {
        case .online, .closing: break
        case .idle, .preparing, .pausing, .connecting, .ended: abandon(&io)
        }
    }

    /// Ends at once, without a word to the server.
    func abandon(_ io: inout Connections) {
        if let connection, io.isOpen(connection) { io.abort(connection.slot) }
        end(nil)
    }

    /// Nothing that somebody waits for is under way.
    private func finishIfQuiet(_ io: inout Connections) {
        guard isFinishing, case .online = link, endReason == nil else { return }
        if session.outbox.isEmpty, !session.inbox.isBusy, flushes.isEmpty { sayGoodbye(&io) }
    }

    private func sayGoodbye(_ io: inout Connections) {
        guard case .online(let id, _) = link else { return }
        link = .closing(id, until: io.now + Self.goodbyeMilliseconds)
        session.disconnect(.normalDisconnection, sessionExpirySeconds: forgetsSession ? 0 : nil)
        io.append(session.takeOutput(now: io.now).span, to: id.slot)
        io.finish(id.slot)
    }

    /// Nothing is done any more.
    /// - Parameter error: what the callers are told; nil: they wanted it so.
    func end(_ error: MQTTError?) {
        link = .ended
        failure = error
        let answer = error ?? .closed
        connects.resumeAll(.failure(answer))
        publishes.resumeAll(.failure(answer))
        flushes.resumeAll(.failure(answer))
        subscribes.resumeAll(.failure(answer))
        unsubscribes.resumeAll(.failure(answer))
        consumers.resumeAll(error.map { .failure($0) } ?? .success(nil))
        disconnects.resumeAll(.success(()))
    }
}
