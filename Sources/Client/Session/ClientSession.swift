import MQTT

/// A client's side of MQTT 5 as a value: packets and requests in, bytes and events out. It outlives its connections, as MQTT's session does.
struct ClientSession {
    enum Event {
        /// CONNACK: the connection can be used.
        case connected(sessionPresent: Bool)
        /// CONNACK, or DISCONNECT of an established connection: the server ends it.
        case refused(Refusal)
        case published(RequestID, Outbox.Outcome)
        case answered(RequestID, Subscriptions.Outcome)
        case subscriptionLost(filter: String, Refusal)
        /// The server accepts the new token.
        case reauthenticated
    }

    enum Credentials: Sendable {
        case none
        case password(user: String, password: String)
        case token(String)
    }

    private enum Phase {
        case offline
        /// CONNECT is written.
        case connecting
        case online
    }

    static let tokenMethod = "JWT"

    private let configuration: MQTTClient.Configuration
    private var phase = Phase.offline
    /// It had a session at the server in this run: what is there now is its own.
    private var wasConnected = false
    private var ids = PacketIDs()
    private var limits = ServerLimits()
    private var keepAlive = KeepAlive(seconds: 0, now: 0)
    private var subscriptions = Subscriptions()
    private(set) var outbox = Outbox()
    private(set) var inbox: Inbox
    private var output: [UInt8] = []
    private var events: [Event] = []

    init(_ configuration: MQTTClient.Configuration) {
        self.configuration = configuration
        inbox = Inbox(receiveMaximum: configuration.receiveMaximum)
    }

    var isOnline: Bool { if case .online = phase { true } else { false } }

    // MARK: What comes out

    /// Bytes for the connection.
    mutating func takeOutput(now: Int64) -> [UInt8] {
        if output.isEmpty { return [] }
        keepAlive.sent(now: now)
        defer { output = [] }
        return output
    }

    mutating func takeEvents() -> [Event] {
        defer { events = [] }
        return events
    }

    // MARK: The connection

    /// Writes CONNECT.
    mutating func begin(_ credentials: Credentials) {
        guard case .offline = phase else { preconditionFailure("one connection at a time") }
        var connect = Connect(
            version: .v5, cleanStart: configuration.cleanStart && !wasConnected,
            keepAliveSeconds: configuration.keepAliveSeconds)
        connect.clientID = Array(configuration.clientID.utf8)
        connect.sessionExpirySeconds = configuration.sessionExpirySeconds
        connect.receiveMaximum = configuration.receiveMaximum
        connect.packetBytesMax = Int(configuration.packetBytesMax)
        switch credentials {
        case .none: break
        case .password(let user, let password):
            connect.username = Array(user.utf8)
            connect.password = Array(password.utf8)
        case .token(let token):
            connect.authenticationMethod = Array(Self.tokenMethod.utf8)
            connect.authenticationData = Array(token.utf8)
        }
        ClientPacket.encodeConnect(into: &output, connect)
        phase = .connecting
    }

    mutating func connectionLost() {
        if isOnline {
            inbox.connectionLost()
            subscriptions.connectionLost(ids: &ids)
        }
        phase = .offline
        output = []
    }

    /// A packet that has arrived whole.
    mutating func receive(
        _ header: FixedHeader, in bytes: Span<UInt8>, at offset: Int, now: Int64
    ) throws(ProtocolError) {
        let packet = try ServerPacket.decode(header, in: bytes, at: offset, version: .v5)
        keepAlive.received(now: now)
        if case .connack(let connack) = packet {
            try receive(connack, now: now)
            return
        }
        guard isOnline else { throw ProtocolError(.protocolError, "a packet before CONNACK") }
        switch packet {
        case .connack: preconditionFailure("handled above")
        case .publish(let publish):
            // No Topic Alias Maximum was given, so none may come [MQTT-3.3.2-9].
            if publish.topicAlias != 0 { throw ProtocolError(.topicAliasInvalid, "a topic alias that was not offered") }
            try inbox.receive(publish, in: bytes, into: &output)
        case .pubrel(let release): inbox.release(release.packetID, into: &output)
        case .puback(let answer):
            let (taken, refusal) = try Self.read(answer, in: bytes)
            report(outbox.acknowledged(answer.packetID, taken, refusal, ids: &ids))
        case .pubrec(let answer):
            let (taken, refusal) = try Self.read(answer, in: bytes)
            report(outbox.received(answer.packetID, taken, refusal, ids: &ids, into: &output))
        case .pubcomp(let answer): report(outbox.completed(answer.packetID, ids: &ids))
        case .suback(let suback), .unsuback(let suback): report(subscriptions.answered(suback, ids: &ids))
        case .pingresp: break
        case .disconnect(let disconnect):
            events.append(.refused(Refusal(disconnect.reason, disconnect.reasonString)))
        case .auth(let auth):
            guard auth.reason == .success else { throw ProtocolError(.protocolError, "AUTH asks for more") }
            events.append(.reauthenticated)
        }
        sendWaiting()
    }

    private mutating func receive(_ connack: Connack, now: Int64) throws(ProtocolError) {
        guard case .connecting = phase else { throw ProtocolError(.protocolError, "CONNACK without CONNECT") }
        guard !connack.reason.isError else {
            events.append(.refused(Refusal(connack.reason, connack.properties.reasonString)))
            return
        }
        phase = .online
        limits = ServerLimits(connack.properties)
        let seconds = connack.properties.serverKeepAliveSeconds ?? configuration.keepAliveSeconds
        keepAlive = KeepAlive(seconds: seconds, now: now)
        events.append(.connected(sessionPresent: connack.sessionPresent))
        inbox.connected(sessionPresent: connack.sessionPresent)
        if connack.sessionPresent {
            outbox.resend(into: &output)
        } else {
            for (request, outcome) in outbox.sessionLost(ids: &ids) { events.append(.published(request, outcome)) }
            subscriptions.sessionLost()
        }
        wasConnected = true
        sendWaiting()
    }

    private static func read(
        _ answer: Acknowledgement, in bytes: Span<UInt8>
    ) throws(ProtocolError) -> (PublishAcknowledgement, Refusal?) {
        let properties = try ReasonProperties.decode(answer.properties, in: bytes)
        let taken = PublishAcknowledgement(
            reason: answer.reason, userProperties: properties.userProperties.map { UserProperty($0) })
        return (taken, answer.reason.isError ? Refusal(answer.reason, properties.reasonString) : nil)
    }

    /// The time passes.
    /// - Returns: false if the server is gone.
    mutating func tick(now: Int64) -> Bool {
        guard isOnline else { return true }
        switch keepAlive.tick(now: now) {
        case .none: return true
        case .lost: return false
        case .ping:
            ClientPacket.encodePingreq(into: &output)
            return true
        }
    }

    /// Writes AUTH with a token that follows the one of CONNECT.
    mutating func reauthenticate(_ token: String) {
        precondition(isOnline, "AUTH needs a connection")
        var properties: [UInt8] = []
        properties.appendProperty(.authenticationMethod, text: Self.tokenMethod)
        properties.appendProperty(.authenticationData, text: token)
        ServerPacket.encodeAuth(into: &output, reason: .reauthenticate, properties: properties)
    }

    /// Writes DISCONNECT, because of `reason`.
    /// - Parameter sessionExpirySeconds: what follows CONNECT's; nil: that stays.
    mutating func disconnect(_ reason: ReasonCode, sessionExpirySeconds: UInt32? = nil) {
        var properties: [UInt8] = []
        if let sessionExpirySeconds {
            properties.appendProperty(.sessionExpiryInterval, number: sessionExpirySeconds)
        }
        ClientPacket.encodeDisconnect(into: &output, version: .v5, reason: reason, properties: properties)
    }

    // MARK: The program

    mutating func publish(_ publish: Outbox.Publish) {
        outbox.append(publish)
        sendWaiting()
    }

    /// At QoS 0: now or never.
    mutating func publishOnce(_ frame: [UInt8]) -> MQTTError? {
        guard isOnline else { return .notConnected }
        if let refusal = limits.refusal(ofPublish: frame.count, qos: .atMostOnce) { return .refused(refusal) }
        output += frame
        return nil
    }

    mutating func change(_ request: Subscriptions.Request) {
        subscriptions.append(request)
        sendWaiting()
    }

    mutating func cancel(_ request: RequestID) {
        outbox.cancel(request)
        subscriptions.cancel(request)
    }

    mutating func takeMessage() -> MQTTMessage? { inbox.take() }

    mutating func handled(_ token: UInt64) { inbox.handled(token, into: &output) }

    mutating func putBack(_ token: UInt64) { inbox.putBack(token) }

    // MARK: Helpers

    /// Subscriptions first: an answer to what is published may come to them.
    private mutating func sendWaiting() {
        guard isOnline else { return }
        for request in subscriptions.send(into: &output, ids: &ids, limits: limits) {
            report((request, .failed(.refused(Refusal(reason: .packetTooLarge)))))
        }
        for (request, outcome) in outbox.send(into: &output, ids: &ids, limits: limits) {
            events.append(.published(request, outcome))
        }
    }

    private mutating func report(_ outcome: (RequestID, Outbox.Outcome)?) {
        if let (request, outcome) = outcome { events.append(.published(request, outcome)) }
    }

    private mutating func report(_ answer: (request: Subscriptions.Request, outcome: Subscriptions.Outcome)?) {
        guard let answer else { return }
        if let id = answer.request.id {
            events.append(.answered(id, answer.outcome))
        } else if case .failed(.refused(let refusal)) = answer.outcome,
            case .subscribe(let filter, _, _) = answer.request.change
        {
            events.append(.subscriptionLost(filter: filter, refusal))
        }
    }
}
