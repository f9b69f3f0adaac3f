import MQTT

@testable import Client

/// A session, and the server at its other end, without anything in between. What the session sends is told in words.
struct SessionPeer {
    var session: ClientSession
    var now: Int64 = 0
    private var nextRequest: RequestID = 1

    init(receiveMaximum: UInt16 = 10, _ edit: (inout MQTTClient.Configuration) -> Void = { _ in }) {
        var configuration = MQTTClient.Configuration(host: "h", authentication: .anonymous, clientID: "c")
        configuration.receiveMaximum = receiveMaximum
        edit(&configuration)
        session = ClientSession(configuration)
    }

    /// Connected, with CONNACK received, and what is sent then.
    mutating func connect(
        sessionPresent: Bool = false, _ edit: (inout ConnackProperties) -> Void = { _ in }
    ) throws -> [String] {
        session.begin(.none)
        _ = try sent()
        var properties = ConnackProperties()
        edit(&properties)
        try server {
            ServerPacket.encodeConnack(
                into: &$0, version: .v5, sessionPresent: sessionPresent, reason: .success, properties: properties)
        }
        return try sent()
    }

    // MARK: The server's side

    mutating func server(_ write: (inout [UInt8]) -> Void) throws {
        var bytes: [UInt8] = []
        write(&bytes)
        var position = 0
        while let header = try FixedHeader.read(bytes.span, at: position, packetBytesMax: 1 << 28) {
            try session.receive(header, in: bytes.span, at: position, now: now)
            position += header.packetLength
        }
    }

    mutating func deliver(
        _ payload: String, qos: QoS = .atLeastOnce, id: UInt16 = 0, dup: Bool = false, alias: UInt16 = 0
    ) throws {
        var properties = DeliveryProperties()
        properties.topicAlias = alias
        try server {
            ServerPacket.encodePublish(
                into: &$0, version: .v5, topic: Array("t".utf8), payload: Array(payload.utf8), qos: qos, retain: false,
                dup: dup, packetID: id, properties: properties)
        }
    }

    mutating func answer(
        _ type: PacketType, _ id: UInt16, _ reason: ReasonCode = .success, properties: [UInt8] = []
    ) throws {
        try server {
            ServerPacket.encodeAcknowledgement(
                type, into: &$0, version: .v5, packetID: id, reason: reason, properties: properties)
        }
    }

    /// What the session has sent: `PUBLISH 1 q1 dup text`, `PUBACK 1`, `PUBREL 1 packetIdentifierNotFound`, `SUBSCRIBE 2 a/+`.
    mutating func sent() throws -> [String] {
        let bytes = session.takeOutput(now: now)
        var words: [String] = []
        var position = 0
        while let header = try FixedHeader.read(bytes.span, at: position, packetBytesMax: 1 << 28) {
            let packet = try ClientPacket.decode(header, in: bytes.span, at: position, version: .v5)
            words.append(describe(packet, in: bytes))
            position += header.packetLength
        }
        return words
    }

    // MARK: The program's side

    @discardableResult
    mutating func publish(_ payload: String, qos: QoS = .atLeastOnce, hasReference: Bool = false) -> RequestID {
        var frame: [UInt8] = []
        let offset = ServerPacket.encodePublish(
            into: &frame, version: .v5, topic: Array("t".utf8), payload: Array(payload.utf8), qos: qos, retain: false)
        let request = takeRequest()
        session.publish(
            Outbox.Publish(
                request: request, frame: frame, packetIDOffset: offset, qos: qos, hasReference: hasReference))
        return request
    }

    @discardableResult
    mutating func subscribe(_ filter: String) -> RequestID {
        let request = takeRequest()
        session.change(
            Subscriptions.Request(
                id: request,
                change: .subscribe(filter: filter, options: SubscriptionOptions(qos: .atLeastOnce), after: [:])))
        return request
    }

    mutating func takeOne() throws -> MQTTMessage {
        guard let message = session.takeMessage() else { throw MQTTError.invalid("there is no message") }
        return message
    }

    /// Takes all messages there are.
    mutating func take() -> [MQTTMessage] {
        var taken: [MQTTMessage] = []
        while let message = session.takeMessage() { taken.append(message) }
        return taken
    }

    /// What became of publishes and requests: `3 taken`, `4 refused: 0x87 not-a-member`, `5 subscribed`.
    mutating func outcomes() -> [String] {
        session.takeEvents().compactMap { event in
            switch event {
            case .connected, .reauthenticated: nil
            case .refused(let refusal): "ended \(refusal)"
            case .published(let request, .taken(let taken)): "\(request) taken" + (taken.seq.map { " seq \($0)" } ?? "")
            case .published(let request, .failed(let error)): "\(request) \(error)"
            case .answered(let request, .subscribed): "\(request) subscribed"
            case .answered(let request, .unsubscribed): "\(request) unsubscribed"
            case .answered(let request, .failed(let error)): "\(request) \(error)"
            case .subscriptionLost(let filter, let refusal): "lost \(filter) \(refusal)"
            }
        }
    }

    private mutating func takeRequest() -> RequestID {
        defer { nextRequest += 1 }
        return nextRequest
    }
}

func describe(_ packet: ClientPacket, in bytes: [UInt8]) -> String {
    func text(_ part: some Sequence<UInt8>) -> String { String(decoding: Array(part), as: UTF8.self) }
    func told(_ name: String, _ answer: Acknowledgement) -> String {
        "\(name) \(answer.packetID)" + (answer.reason == .success ? "" : " \(answer.reason)")
    }
    switch packet {
    case .connect(let connect): return "CONNECT" + (connect.cleanStart ? " clean" : "")
    case .publish(let publish):
        let repeated = publish.dup ? " dup" : ""
        return "PUBLISH \(publish.packetID) q\(publish.qos.rawValue)\(repeated) \(text(bytes[publish.payload]))"
    case .puback(let answer): return told("PUBACK", answer)
    case .pubrec(let answer): return told("PUBREC", answer)
    case .pubrel(let answer): return told("PUBREL", answer)
    case .pubcomp(let answer): return told("PUBCOMP", answer)
    case .subscribe(let subscribe): return "SUBSCRIBE \(subscribe.packetID) \(text(subscribe.entries[0].filter))"
    case .unsubscribe(let unsubscribe): return "UNSUBSCRIBE \(unsubscribe.packetID) \(text(unsubscribe.filters[0]))"
    case .pingreq: return "PINGREQ"
    case .disconnect(let disconnect): return "DISCONNECT \(disconnect.reason)"
    case .auth(let auth): return "AUTH \(auth.reason) \(text(auth.data ?? []))"
    }
}
