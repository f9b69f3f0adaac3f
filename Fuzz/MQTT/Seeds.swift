import MQTT

/// Every packet in every version, written by the encoders.
enum Seeds {
    static let words = ["MQTT", "MQIsdp", "$share/g/", "a/b", "+", "#", "JWT", "\u{00}\u{04}MQTT\u{05}", "\u{7F}"]

    static func all() -> [[UInt8]] {
        let versions: [(selector: UInt8, version: ProtocolVersion)] = [(0, .v3_1), (1, .v3_1_1), (2, .v5)]
        var seeds: [[UInt8]] = []
        for (selector, version) in versions {
            seeds += streams(clientPackets(version), selector)
            seeds += streams(serverPackets(version), selector | 4)
        }
        return seeds
    }

    /// Each alone, and all behind one another.
    private static func streams(_ packets: [[UInt8]], _ selector: UInt8) -> [[UInt8]] {
        (packets + [Array(packets.joined())]).map { [selector] + $0 }
    }

    private static func clientPackets(_ version: ProtocolVersion) -> [[UInt8]] {
        var packets = [connect(version, isFull: false), connect(version, isFull: true)].map { connect in
            made { ClientPacket.encodeConnect(into: &$0, connect) }
        }
        var subscribe = Subscribe(packetID: 10)
        subscribe.subscriptionID = 300
        subscribe.userProperties = [UserProperty("after", "7")]
        subscribe.entries = [
            Subscribe.Entry(filter: Array("a/+/#".utf8), options: SubscriptionOptions(qos: .atLeastOnce)),
            Subscribe.Entry(
                filter: Array("$share/g/b".utf8),
                options: SubscriptionOptions(
                    qos: .exactlyOnce, retainAsPublished: true, retainHandling: .doNotSend)),
        ]
        packets.append(made { ClientPacket.encodeSubscribe(into: &$0, version: version, subscribe) })
        var unsubscribe = Unsubscribe(packetID: 11)
        unsubscribe.filters = [Array("a/+/#".utf8), Array("b".utf8)]
        unsubscribe.userProperties = [UserProperty("k", "v")]
        packets.append(made { ClientPacket.encodeUnsubscribe(into: &$0, version: version, unsubscribe) })
        packets.append(made { ClientPacket.encodePingreq(into: &$0) })
        var expiry: [UInt8] = []
        expiry.appendProperty(.sessionExpiryInterval, number: 60)
        packets.append(
            made {
                ClientPacket.encodeDisconnect(
                    into: &$0, version: version, reason: .disconnectWithWillMessage, properties: expiry)
            })
        packets.append(made { ServerPacket.encodeAuth(into: &$0, reason: .reauthenticate, properties: method()) })
        return packets + shared(version, delivery())
    }

    private static func serverPackets(_ version: ProtocolVersion) -> [[UInt8]] {
        var connack = ConnackProperties()
        var packets = [
            made {
                ServerPacket.encodeConnack(
                    into: &$0, version: version, sessionPresent: true, reason: .success, properties: connack)
            }
        ]
        connack.sessionExpirySeconds = 1
        connack.receiveMaximum = 2
        connack.maximumQoS = .atLeastOnce
        connack.isRetainAvailable = false
        connack.packetBytesMax = 1000
        connack.assignedClientID = Array("auto".utf8)
        connack.topicAliasMaximum = 16
        connack.reasonString = Array("why".utf8)
        connack.userProperties = [UserProperty("k", "v")]
        connack.serverKeepAliveSeconds = 60
        connack.authenticationMethod = Array("JWT".utf8)
        packets.append(
            made {
                ServerPacket.encodeConnack(
                    into: &$0, version: version, sessionPresent: false, reason: .notAuthorized, properties: connack)
            })
        let reasons = [ReasonCode.success, .grantedQoS1, .grantedQoS2, .unspecifiedError]
        packets.append(
            made {
                ServerPacket.encodeSuback(
                    into: &$0, version: version, packetID: 10, reasons: reasons, properties: reason())
            })
        packets.append(
            made {
                ServerPacket.encodeUnsuback(
                    into: &$0, version: version, packetID: 11, reasons: [.success, .noSubscriptionExisted],
                    properties: reason())
            })
        packets.append(made { ServerPacket.encodePingresp(into: &$0) })
        packets.append(
            made {
                ServerPacket.encodeDisconnect(
                    into: &$0, version: version, reason: .serverShuttingDown, properties: reason())
            })
        packets.append(
            made { ServerPacket.encodeAuth(into: &$0, reason: .continueAuthentication, properties: method()) })
        var withIdentifiers = delivery()
        withIdentifiers.subscriptionIDs = [1, 200]
        return packets.filter { !$0.isEmpty } + shared(version, withIdentifiers)
    }

    /// What both sides send.
    private static func shared(_ version: ProtocolVersion, _ delivery: DeliveryProperties) -> [[UInt8]] {
        let publishes = [QoS.atMostOnce, .atLeastOnce, .exactlyOnce].map { qos in
            made {
                ServerPacket.encodePublish(
                    into: &$0, version: version, topic: Array("ä/b".utf8), payload: Array("hello".utf8), qos: qos,
                    retain: true, dup: qos != .atMostOnce, packetID: 7, properties: delivery)
            }
        }
        let answers = [PacketType.puback, .pubrec, .pubrel, .pubcomp].map { type in
            made {
                ServerPacket.encodeAcknowledgement(
                    type, into: &$0, version: version, packetID: 7, reason: .packetIdentifierNotFound,
                    properties: reason())
            }
        }
        let bare = made {
            ServerPacket.encodeAcknowledgement(.puback, into: &$0, version: version, packetID: 7)
        }
        return publishes + answers + [bare]
    }

    private static func connect(_ version: ProtocolVersion, isFull: Bool) -> Connect {
        var connect = Connect(version: version, cleanStart: !isFull, keepAliveSeconds: 60)
        connect.clientID = Array("client".utf8)
        guard isFull else { return connect }
        connect.username = Array("user".utf8)
        connect.password = Array("password".utf8)
        var will = Will(topic: Array("w/t".utf8), payload: Array("gone".utf8), qos: .atLeastOnce, retain: true)
        will.delaySeconds = 5
        will.messageExpirySeconds = 9
        will.isUTF8Payload = true
        will.forwardedProperties = delivery().forwarded
        connect.will = will
        connect.sessionExpirySeconds = 3600
        connect.receiveMaximum = 20
        connect.packetBytesMax = 1024
        connect.topicAliasMaximum = 4
        connect.requestResponseInformation = true
        connect.requestProblemInformation = false
        connect.userProperties = [UserProperty("k", "v")]
        connect.authenticationMethod = Array("JWT".utf8)
        connect.authenticationData = [1, 2]
        return connect
    }

    private static func delivery() -> DeliveryProperties {
        var delivery = DeliveryProperties()
        delivery.messageExpirySeconds = 60
        delivery.topicAlias = 3
        delivery.forwarded.appendProperty(.payloadFormatIndicator, flag: true)
        delivery.forwarded.appendProperty(.contentType, text: "text/plain")
        delivery.forwarded.appendProperty(.responseTopic, text: "r/t")
        delivery.forwarded.appendProperty(.correlationData, bytes: [1, 2, 3].span)
        delivery.forwarded.appendUserProperty("client_ref", "x")
        delivery.forwarded.appendUserProperty("k", "")
        return delivery
    }

    private static func reason() -> [UInt8] {
        var raw: [UInt8] = []
        raw.appendProperty(.reasonString, text: "why")
        raw.appendUserProperty("k", "v")
        return raw
    }

    private static func method() -> [UInt8] {
        var raw: [UInt8] = []
        raw.appendProperty(.authenticationMethod, text: "JWT")
        raw.appendProperty(.authenticationData, bytes: [1, 2].span)
        return raw
    }

    private static func made(_ write: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        write(&bytes)
        return bytes
    }
}
