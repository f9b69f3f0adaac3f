import MQTT
import Testing

/// What a client writes, a server reads, and the other way round.
@Suite struct ClientSideTests {
    @Test(arguments: [ProtocolVersion.v3_1, .v3_1_1, .v5])
    func connect(version: ProtocolVersion) throws {
        var connect = Connect(version: version, cleanStart: false, keepAliveSeconds: 9)
        connect.clientID = bytes("'id'")
        connect.username = bytes("'u'")
        connect.password = bytes("'p'")
        connect.sessionExpirySeconds = .max
        var will = Will(topic: bytes("'w'"), payload: bytes("'bye'"), qos: .exactlyOnce, retain: true)
        if version == .v5 {
            connect.receiveMaximum = 5
            connect.packetBytesMax = 1_000
            connect.topicAliasMaximum = 3
            connect.requestProblemInformation = false
            connect.requestResponseInformation = true
            connect.authenticationMethod = bytes("'JWT'")
            connect.authenticationData = [1]
            connect.userProperties = [UserProperty("a", "b")]
            will.delaySeconds = 4
            will.messageExpirySeconds = 5
            will.forwardedProperties = bytes("26 0001'k' 0001'v'")
        }
        connect.will = will
        var output: [UInt8] = []
        ClientPacket.encodeConnect(into: &output, connect)
        guard case .connect(let decoded)? = try decode(output, .v5) else {
            Issue.record("no CONNECT")
            return
        }
        #expect(decoded == connect)
    }

    @Test(arguments: [ProtocolVersion.v3_1_1, .v5])
    func subscribeAndUnsubscribe(version: ProtocolVersion) throws {
        var subscribe = Subscribe(packetID: 7)
        var unsubscribe = Unsubscribe(packetID: 8)
        let options = SubscriptionOptions(qos: .exactlyOnce, noLocal: version == .v5)
        subscribe.entries = [Subscribe.Entry(filter: bytes("'a/+'"), options: options)]
        unsubscribe.filters = [bytes("'a/+'"), bytes("'b'")]
        if version == .v5 {
            subscribe.subscriptionID = 300
            subscribe.userProperties = [UserProperty("after", "1")]
            unsubscribe.userProperties = [UserProperty("a", "b")]
        }
        var output: [UInt8] = []
        ClientPacket.encodeSubscribe(into: &output, version: version, subscribe)
        guard case .subscribe(let decoded)? = try decode(output, version) else {
            Issue.record("no SUBSCRIBE")
            return
        }
        #expect(decoded == subscribe)
        output = []
        ClientPacket.encodeUnsubscribe(into: &output, version: version, unsubscribe)
        guard case .unsubscribe(let back)? = try decode(output, version) else {
            Issue.record("no UNSUBSCRIBE")
            return
        }
        #expect(back == unsubscribe)
        output = []
        ClientPacket.encodePingreq(into: &output)
        ClientPacket.encodeDisconnect(into: &output, version: version)
        #expect(output == bytes("C000 E000"))
    }

    private func fromServer(_ bytes: [UInt8], _ version: ProtocolVersion) throws -> ServerPacket {
        let header = try #require(try header(bytes))
        return try ServerPacket.decode(header, in: bytes.span, at: 0, version: version)
    }

    @Test func connack() throws {
        var properties = ConnackProperties()
        properties.assignedClientID = bytes("'x'")
        properties.receiveMaximum = 4
        properties.maximumQoS = .atMostOnce
        properties.isSharedSubscriptionAvailable = false
        properties.serverKeepAliveSeconds = 30
        properties.userProperties = [UserProperty("a", "b")]
        var output: [UInt8] = []
        ServerPacket.encodeConnack(
            into: &output, version: .v5, sessionPresent: true, reason: .success, properties: properties)
        guard case .connack(let connack) = try fromServer(output, .v5) else {
            Issue.record("no CONNACK")
            return
        }
        #expect(connack.sessionPresent && connack.reason == .success && connack.properties == properties)
        guard case .connack(let old) = try fromServer(bytes("20 02 00 05"), .v3_1_1) else {
            Issue.record("no CONNACK")
            return
        }
        #expect(old.reason == .notAuthorized && !old.sessionPresent)
    }

    @Test func theRest() throws {
        guard case .suback(let suback) = try fromServer(packet(0x90, "0003 (1F 0001'x') 00 01 02 87"), .v5) else {
            Issue.record("no SUBACK")
            return
        }
        #expect(suback.packetID == 3 && suback.reasons == [.success, .grantedQoS1, .grantedQoS2, .notAuthorized])
        #expect(suback.properties.reasonString == bytes("'x'"))
        let publish = packet(0x30, "0001't' (0B 01 0B 8001) 'x'")
        guard case .publish(let received) = try fromServer(publish, .v5) else {
            Issue.record("no PUBLISH")
            return
        }
        let identifiers = try PublishProperties.decode(received.properties, in: publish.span).subscriptionIDs
        #expect(identifiers == [1, 128])
        guard case .disconnect(let disconnect) = try fromServer(packet(0xE0, "9C (1C 0001's')"), .v5) else {
            Issue.record("no DISCONNECT")
            return
        }
        #expect(disconnect.reason == .useAnotherServer && disconnect.serverReference == bytes("'s'"))
        #expect(throws: ProtocolError.self) { try fromServer(bytes("C000"), .v5) }
        #expect(throws: ProtocolError.self) { try fromServer(bytes("E000"), .v3_1_1) }
    }
}
