import FuzzSupport
import MQTT

/// What a packet says, without where it stood: equal for equal packets.
enum PacketContent: Equatable {
    case connect(Connect)
    case publish(PublishContent)
    case acknowledgement(PacketType, packetID: UInt16, ReasonCode, properties: [UInt8])
    case subscribe(Subscribe)
    case unsubscribe(Unsubscribe)
    case disconnect(Disconnect)
    case auth(Auth)
    case connack(Connack)
    case suback(Suback)
    case unsuback(Suback)
    case pingreq
    case pingresp

    init(_ packet: ClientPacket, _ bytes: [UInt8]) {
        switch packet {
        case .connect(let connect): self = .connect(connect)
        case .publish(let publish): self = .publish(PublishContent(publish, bytes))
        case .puback(let packet): self.init(.puback, packet, bytes)
        case .pubrec(let packet): self.init(.pubrec, packet, bytes)
        case .pubrel(let packet): self.init(.pubrel, packet, bytes)
        case .pubcomp(let packet): self.init(.pubcomp, packet, bytes)
        case .subscribe(let subscribe): self = .subscribe(subscribe)
        case .unsubscribe(let unsubscribe): self = .unsubscribe(unsubscribe)
        case .pingreq: self = .pingreq
        case .disconnect(let disconnect): self = .disconnect(disconnect)
        case .auth(let auth): self = .auth(auth)
        }
    }

    init(_ packet: ServerPacket, _ bytes: [UInt8]) {
        switch packet {
        case .connack(let connack): self = .connack(connack)
        case .publish(let publish): self = .publish(PublishContent(publish, bytes))
        case .puback(let packet): self.init(.puback, packet, bytes)
        case .pubrec(let packet): self.init(.pubrec, packet, bytes)
        case .pubrel(let packet): self.init(.pubrel, packet, bytes)
        case .pubcomp(let packet): self.init(.pubcomp, packet, bytes)
        case .suback(let suback): self = .suback(suback)
        case .unsuback(let unsuback): self = .unsuback(unsuback)
        case .pingresp: self = .pingresp
        case .disconnect(let disconnect): self = .disconnect(disconnect)
        case .auth(let auth): self = .auth(auth)
        }
    }

    private init(_ type: PacketType, _ packet: Acknowledgement, _ bytes: [UInt8]) {
        self = .acknowledgement(
            type, packetID: packet.packetID, packet.reason, properties: Array(bytes[packet.properties]))
        expect((try? ReasonProperties.decode(packet.properties, in: bytes.span)) != nil, "an answer's properties")
    }

    /// The same as an encoder can say it; nil: it has no way. Decoders are laxer where nobody is hurt.
    func canonical(_ version: ProtocolVersion) -> PacketContent? {
        switch self {
        case .connack(var connack):
            // [MQTT-3.2.2-6] binds servers.
            if connack.sessionPresent, connack.reason != .success { return nil }
            // 3.1 has no session present.
            if version == .v3_1 { connack.sessionPresent = false }
            return .connack(connack)
        case .suback(var suback):
            if suback.reasons.isEmpty { return nil }
            // 3.x has one code for "no".
            if version != .v5 { suback.reasons = suback.reasons.map { $0.isError ? .unspecifiedError : $0 } }
            return .suback(suback)
        case .unsuback(var unsuback):
            if version != .v5 { unsuback.reasons = [] }
            return .unsuback(unsuback)
        default: return self
        }
    }
}

/// A PUBLISH and all that can be asked of it.
struct PublishContent: Equatable {
    var topic: [UInt8]
    var payload: [UInt8]
    var packetID: UInt16
    var qos: QoS
    var retain: Bool
    var dup: Bool
    var topicAlias: UInt16
    var messageExpirySeconds: UInt32?
    var hasForwardedProperties: Bool
    var hasValidPayload: Bool
    /// What a server passes on as it is.
    var forwarded: [UInt8] = []
    var properties: PublishProperties

    init(_ publish: Publish, _ bytes: [UInt8]) {
        topic = Array(bytes[publish.topic])
        payload = Array(bytes[publish.payload])
        packetID = publish.packetID
        qos = publish.qos
        retain = publish.retain
        dup = publish.dup
        topicAlias = publish.topicAlias
        messageExpirySeconds = publish.messageExpirySeconds
        hasForwardedProperties = publish.hasForwardedProperties
        hasValidPayload = publish.hasValidPayload(in: bytes.span)
        guard let all = try? PublishProperties.decode(publish.properties, in: bytes.span) else {
            fatalError("the properties of a good PUBLISH are bad")
        }
        properties = all
        publish.appendForwardedProperties(to: &forwarded, in: bytes.span)
        checkLookUps(publish, bytes)
    }

    private func checkLookUps(_ publish: Publish, _ bytes: [UInt8]) {
        expectEqual(properties.topicAlias, topicAlias, "the alias")
        expectEqual(properties.messageExpirySeconds, messageExpirySeconds, "the expiry")
        expectEqual(properties.isUTF8Payload, publish.isUTF8Payload, "the payload's format")
        expect(hasForwardedProperties || forwarded.isEmpty, "properties that are not there")
        let isUTF8 = String(validating: payload, as: UTF8.self) != nil
        expectEqual(hasValidPayload, isUTF8 || !publish.isUTF8Payload, "the payload's UTF-8")
        for property in properties.userProperties {
            guard let name = String(validating: property.name, as: UTF8.self) else {
                fatalError("a name without UTF-8")
            }
            let first = properties.userProperties.first { $0.name == property.name }?.value
            let found = publish.userProperty(named: name, in: bytes.span).map { Array(bytes[$0]) }
            expectEqual(found, first, "the user property of that name")
        }
    }

    /// What is forwarded says the same as before, but for what a server writes anew, and reaches clients of each version.
    func check() {
        var expected = properties
        expected.topicAlias = 0
        expected.messageExpirySeconds = nil
        expected.subscriptionIDs = []
        let again = try? PublishProperties.decode(forwarded.indices, in: forwarded.span)
        expectEqual(again, expected, "forwarded properties")
        for version in [ProtocolVersion.v3_1, .v3_1_1, .v5] {
            var copy = self
            copy.topicAlias = 0
            if copy.topic.isEmpty { copy.topic = [UInt8(ascii: "t")] }
            let bytes = copy.encoded(version)
            guard let header = try? FixedHeader.read(bytes.span, at: 0, packetBytesMax: .max),
                let read = try? Publish.decode(header, in: bytes.span, at: 0, version: version)
            else { fatalError("a forwarded PUBLISH is not read in \(version)") }
            expect(
                Array(bytes[read.topic]) == copy.topic && Array(bytes[read.payload]) == payload,
                "a forwarded PUBLISH in \(version)")
        }
    }

    /// - Parameter subscriptionIDs: only a server has some.
    func encoded(_ version: ProtocolVersion, subscriptionIDs: [UInt32] = []) -> [UInt8] {
        var delivery = DeliveryProperties(forwarded: forwarded)
        delivery.topicAlias = topicAlias
        delivery.messageExpirySeconds = messageExpirySeconds
        delivery.subscriptionIDs = subscriptionIDs
        // The identifier is patched in, as a fan-out does it.
        var bytes: [UInt8] = []
        let offset = ServerPacket.encodePublish(
            into: &bytes, version: version, topic: topic, payload: payload, qos: qos, retain: retain, dup: dup,
            packetID: 0, properties: delivery)
        expectEqual(offset == 0, qos == .atMostOnce, "where the identifier stands")
        if offset > 0 { ServerPacket.patchPacketID(packetID, in: &bytes, at: offset) }
        let count = ServerPacket.publishCount(
            version: version, topicCount: topic.count, payloadCount: payload.count, qos: qos, properties: delivery)
        expectEqual(count, bytes.count, "the length that was foretold")
        return bytes
    }
}
