import FuzzSupport
import MQTT

/// Packets made of a few bytes each, so that mutation soon finds those that mean something together.
enum Packets {
    static let topics = [
        "a", "a/b", "b", "group/10", "group/11", "direct/1/2", "inbox/1", "$SYS/x", "presence/1", "group/10/typing",
        "group/99", "secret/x",
    ]
    static let filters = [
        "#", "a/b", "a/+", "+/#", "a/#", "$share/g/a/+", "group/10", "group/+", "direct/+/+", "inbox/1", "inbox/+",
        "presence/+", "$SYS/#", "+/+", "group/10/typing", "a", "a/#/b",
    ]
    private static let payloads: [[UInt8]] = [
        [], Array("x".utf8), Array(#"{"text":"hi"}"#.utf8), Array(#"{"text":"hi","client_ref":"r1"}"#.utf8),
        Array(#"{"text":"a","reply_to":1}"#.utf8), [0xC3], [UInt8](repeating: UInt8(ascii: "x"), count: 70),
        [UInt8](repeating: UInt8(ascii: "y"), count: 60_000),
    ]

    private static func pick<Value>(_ values: [Value], _ byte: UInt8) -> Value { values[Int(byte) % values.count] }

    /// Four bytes.
    static func connect(_ input: inout FuzzInput) -> [UInt8] {
        let who = input.byte(), limits = input.byte(), more = input.byte(), will = input.byte()
        let version: ProtocolVersion = pick([.v3_1, .v3_1_1, .v5, .v5], who & 3)
        var connect = Connect(version: version, cleanStart: who & 4 != 0)
        connect.keepAliveSeconds = pick([0, 0, 1, 30], more & 3)
        connect.clientID = Array(pick(["", "c1", "c2", "c3"], who >> 5 & 3).utf8)
        if version == .v5 {
            connect.sessionExpirySeconds = pick([0, 60, 3600, .max], limits & 3)
            connect.receiveMaximum = pick([65_535, 1, 2, 10], limits >> 2 & 3)
            connect.packetBytesMax = pick([FixedHeader.packetBytesLimit, 300, 60, 20], limits >> 4 & 3)
            connect.requestProblemInformation = limits & 0x80 == 0
            connect.topicAliasMaximum = pick([0, 3], more >> 2 & 1)
        }
        let user = Int(who >> 3 & 3)
        if user > 0 {
            connect.username = []
            connect.password = World.tokens[user - 1]
            if more & 0x10 != 0, version == .v5 {
                connect.authenticationMethod = Array("JWT".utf8)
                connect.authenticationData = World.tokens[user - 1]
            }
        }
        if limits & 0x40 != 0 { connect.will = makeWill(will) }
        var bytes: [UInt8] = []
        ClientPacket.encodeConnect(into: &bytes, connect)
        return bytes
    }

    private static func makeWill(_ byte: UInt8) -> Will {
        var will = Will(
            topic: Array(pick(topics, byte & 7).utf8), payload: pick(payloads, byte >> 3 & 3),
            qos: pick([.atMostOnce, .atLeastOnce, .exactlyOnce], byte >> 5), retain: byte & 0x80 != 0)
        will.delaySeconds = byte & 0x40 != 0 ? 5 : 0
        return will
    }

    static func packet(_ operation: Operation, _ input: inout FuzzInput, _ version: ProtocolVersion) -> [UInt8] {
        var bytes: [UInt8] = []
        switch operation {
        case .publish: bytes = publish(&input, version)
        case .subscribe:
            let choice = input.byte()
            var subscribe = Subscribe(packetID: UInt16(choice & 7) + 1)
            if choice & 8 != 0 { subscribe.subscriptionID = UInt32(choice) }
            if choice & 0x10 != 0 { subscribe.userProperties = [UserProperty("after", "0")] }
            for _ in 0...(choice >> 6) {
                let filter = pick(filters, input.byte()), options = input.byte()
                subscribe.entries.append(
                    Subscribe.Entry(
                        filter: Array(filter.utf8),
                        options: SubscriptionOptions(
                            qos: pick([.atMostOnce, .atLeastOnce, .exactlyOnce], options & 3),
                            noLocal: options & 4 != 0 && !filter.hasPrefix("$share"),
                            retainAsPublished: options & 8 != 0,
                            retainHandling: pick([.sendAtSubscribe, .sendIfNew, .doNotSend], options >> 4 & 3))))
            }
            ClientPacket.encodeSubscribe(into: &bytes, version: version, subscribe)
        case .unsubscribe:
            var unsubscribe = Unsubscribe(packetID: UInt16(input.byte() & 7) + 1)
            unsubscribe.filters = [Array(pick(filters, input.byte()).utf8)]
            ClientPacket.encodeUnsubscribe(into: &bytes, version: version, unsubscribe)
        case .answer:
            let choice = input.byte()
            let type: PacketType = pick([.puback, .pubrec, .pubrel, .pubcomp], choice & 3)
            let isRefusal = choice & 0x80 != 0
            let refusal: ReasonCode =
                type == .puback || type == .pubrec ? .quotaExceeded : .packetIdentifierNotFound
            ServerPacket.encodeAcknowledgement(
                type, into: &bytes, version: version, packetID: UInt16(choice >> 2 & 15) + 1,
                reason: isRefusal ? refusal : .success)
        case .disconnect:
            let choice = input.byte()
            var raw: [UInt8] = []
            if choice & 6 != 0 { raw.appendProperty(.sessionExpiryInterval, number: UInt32(choice & 4) * 15) }
            ClientPacket.encodeDisconnect(
                into: &bytes, version: version,
                reason: choice & 1 == 0 ? .normalDisconnection : .disconnectWithWillMessage, properties: raw)
        default: ClientPacket.encodePingreq(into: &bytes)
        }
        return bytes
    }

    /// Four bytes.
    private static func publish(_ input: inout FuzzInput, _ version: ProtocolVersion) -> [UInt8] {
        let flags = input.byte(), topic = pick(topics, input.byte()), what = input.byte(), packetID = input.byte()
        let qos: QoS = pick([.atMostOnce, .atLeastOnce, .exactlyOnce, .atLeastOnce], flags & 3)
        var properties = DeliveryProperties()
        properties.topicAlias = UInt16(flags >> 4 & 3)
        if flags & 0x40 != 0 { properties.messageExpirySeconds = 3 }
        if flags & 0x80 != 0 { properties.forwarded.appendProperty(.contentType, text: "text/plain") }
        if what & 0x40 != 0 { properties.forwarded.appendUserProperty("client_ref", "r1") }
        if what & 0x80 != 0 { properties.forwarded.appendProperty(.payloadFormatIndicator, flag: true) }
        let isEmpty = what & 0x20 != 0 && properties.topicAlias != 0 && version == .v5
        var bytes: [UInt8] = []
        ServerPacket.encodePublish(
            into: &bytes, version: version, topic: isEmpty ? [] : Array(topic.utf8), payload: pick(payloads, what & 7),
            qos: qos, retain: flags & 4 != 0, dup: flags & 8 != 0 && qos != .atMostOnce,
            packetID: UInt16(packetID & 7) + 1, properties: properties)
        return bytes
    }

    /// - Parameter isWhole: of QoS 2 both answers, else only the first.
    static func answer(_ qos: QoS, _ packetID: UInt16, _ version: ProtocolVersion, isWhole: Bool) -> [UInt8] {
        let types: [PacketType] = qos == .atLeastOnce ? [.puback] : isWhole ? [.pubrec, .pubcomp] : [.pubrec]
        var bytes: [UInt8] = []
        for type in types {
            ServerPacket.encodeAcknowledgement(type, into: &bytes, version: version, packetID: packetID)
        }
        return bytes
    }
}
