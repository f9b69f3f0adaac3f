import MQTT
import Testing

@Suite struct EncodingTests {
    private func connack(
        _ version: ProtocolVersion, _ reason: ReasonCode, sessionPresent: Bool = false,
        _ properties: ConnackProperties = ConnackProperties()
    ) -> [UInt8] {
        var output: [UInt8] = []
        ServerPacket.encodeConnack(
            into: &output, version: version, sessionPresent: sessionPresent, reason: reason, properties: properties)
        return output
    }

    @Test(
        "[MQTT-3.2.2-6] return codes of 3.1.1",
        arguments: [
            (ReasonCode.success, "20 02 00 00"), (.unsupportedProtocolVersion, "20 02 00 01"),
            (.clientIdentifierNotValid, "20 02 00 02"), (.serverBusy, "20 02 00 03"),
            (.connectionRateExceeded, "20 02 00 03"), (.badUserNameOrPassword, "20 02 00 04"),
            (.notAuthorized, "20 02 00 05"), (.malformedPacket, ""),
        ])
    func connackOf3(reason: ReasonCode, expected: String) {
        #expect(connack(.v3_1_1, reason) == bytes(expected))
    }

    @Test func connackOf5() {
        #expect(connack(.v3_1_1, .success, sessionPresent: true) == bytes("20 02 01 00"))
        #expect(connack(.v3_1, .success, sessionPresent: true) == bytes("20 02 00 00"))
        #expect(connack(.v5, .success, sessionPresent: true) == bytes("20 03 01 00 00"))
        #expect(connack(.v5, .malformedPacket) == bytes("20 03 00 81 00"))
        var properties = ConnackProperties()
        properties.sessionExpirySeconds = 1
        properties.receiveMaximum = 2
        properties.maximumQoS = .atLeastOnce
        properties.isRetainAvailable = false
        properties.packetBytesMax = 3
        properties.assignedClientID = bytes("'x'")
        properties.topicAliasMaximum = 4
        properties.isWildcardSubscriptionAvailable = false
        properties.isSubscriptionIdentifierAvailable = false
        properties.isSharedSubscriptionAvailable = false
        properties.serverKeepAliveSeconds = 5
        properties.responseInformation = bytes("'r'")
        properties.serverReference = bytes("'s'")
        properties.authenticationMethod = bytes("'m'")
        properties.authenticationData = bytes("'d'")
        properties.reasonString = bytes("'why'")
        properties.userProperties = [UserProperty("k", "v")]
        let expected = """
            00 00 (11 00000001 21 0002 24 01 25 00 27 00000003 12 0001'x' 22 0004 28 00 29 00 2A 00 13 0005
            1A 0001'r' 1C 0001's' 15 0001'm' 16 0001'd' 1F 0003'why' 26 0001'k' 0001'v')
            """
        #expect(connack(.v5, .success, properties) == packet(0x20, expected))
    }

    @Test func publish() {
        var output = bytes("AA")
        let topic = bytes("'a/b'")
        let payload = bytes("'hi'")
        ServerPacket.encodePublish(
            into: &output, version: .v3_1_1, topic: topic, payload: payload, qos: .atMostOnce, retain: true)
        #expect(output == bytes("AA 31 07 0003'a/b' 'hi'"))

        output = bytes("AA")
        let offset = ServerPacket.encodePublish(
            into: &output, version: .v3_1_1, topic: topic, payload: payload, qos: .exactlyOnce, retain: false,
            dup: true, packetID: 1)
        #expect(output == bytes("AA 3C 09 0003'a/b' 0001 'hi'"))
        ServerPacket.patchPacketID(0xBEEF, in: &output, at: 1 + offset)
        #expect(output == bytes("AA 3C 09 0003'a/b' BEEF 'hi'"))

        var properties = DeliveryProperties(forwarded: bytes("26 0001'k' 0001'v'"))
        properties.messageExpirySeconds = 9
        properties.subscriptionIDs = [1, 128]
        properties.topicAlias = 3
        output = []
        ServerPacket.encodePublish(
            into: &output, version: .v5, topic: [], payload: payload, qos: .atLeastOnce, retain: false, packetID: 2,
            properties: properties)
        #expect(
            output == packet(0x32, "0000 0002 14 02 00000009 23 0003 0B 01 0B 8001 26 0001'k' 0001'v' 'hi'"))
        let count = ServerPacket.publishCount(
            version: .v5, topicCount: 0, payloadCount: 2, qos: .atLeastOnce, properties: properties)
        #expect(count == output.count)
    }

    @Test("lengths at the borders of the variable byte integer", arguments: [0, 122, 123, 16_378, 16_379, 70_000])
    func publishLengths(payloadCount: Int) throws {
        var output: [UInt8] = []
        let payload = [UInt8](repeating: 7, count: payloadCount)
        ServerPacket.encodePublish(
            into: &output, version: .v3_1_1, topic: bytes("'abc'"), payload: payload, qos: .atMostOnce, retain: false)
        let header = try #require(try header(output))
        #expect(header.packetLength == output.count)
        let publish = try Publish.decode(header, in: output.span, at: 0, version: .v3_1_1)
        #expect(Array(output[publish.payload]) == payload)
        #expect(
            ServerPacket.publishCount(version: .v3_1_1, topicCount: 3, payloadCount: payloadCount, qos: .atMostOnce)
                == output.count)
    }

    @Test(
        arguments: [
            (PacketType.puback, ProtocolVersion.v3_1_1, ReasonCode.success, "", "40 02 0001"),
            (.puback, .v3_1_1, .notAuthorized, "1F 0001'x'", "40 02 0001"),
            (.pubrec, .v5, .success, "", "50 02 0001"),
            (.pubrel, .v5, .packetIdentifierNotFound, "", "62 03 0001 92"),
            (.pubcomp, .v5, .success, "", "70 02 0001"),
            (.puback, .v5, .success, "26 0003'seq' 0001'7'", "40 0D 0001 00 09 26 0003'seq' 0001'7'"),
        ])
    func acknowledgements(
        type: PacketType, version: ProtocolVersion, reason: ReasonCode, properties: String, expected: String
    ) {
        var output: [UInt8] = []
        ServerPacket.encodeAcknowledgement(
            type, into: &output, version: version, packetID: 1, reason: reason, properties: bytes(properties))
        #expect(output == bytes(expected))
    }

    @Test func subackAndUnsuback() {
        var output: [UInt8] = []
        let reasons: [ReasonCode] = [.grantedQoS2, .notAuthorized, .granted(.atMostOnce)]
        ServerPacket.encodeSuback(into: &output, version: .v3_1_1, packetID: 3, reasons: reasons)
        #expect(output == bytes("90 05 0003 02 80 00"))
        output = []
        var properties: [UInt8] = []
        properties.appendUserProperty("k", "v")
        properties.appendProperty(.reasonString, text: "no")
        ServerPacket.encodeSuback(
            into: &output, version: .v5, packetID: 3, reasons: reasons, properties: properties)
        #expect(output == packet(0x90, "0003 0C 26 0001'k' 0001'v' 1F 0002'no' 02 87 00"))
        output = []
        ServerPacket.encodeUnsuback(into: &output, version: .v3_1_1, packetID: 4, reasons: [.success])
        ServerPacket.encodeUnsuback(
            into: &output, version: .v5, packetID: 4, reasons: [.success, .noSubscriptionExisted])
        #expect(output == bytes("B0 02 0004 B0 05 0004 00 00 11"))
    }

    @Test func theRest() {
        var output: [UInt8] = []
        ServerPacket.encodePingresp(into: &output)
        ServerPacket.encodeDisconnect(into: &output, version: .v3_1_1, reason: .serverShuttingDown)
        ServerPacket.encodeDisconnect(into: &output, version: .v5, reason: .normalDisconnection)
        ServerPacket.encodeDisconnect(into: &output, version: .v5, reason: .sessionTakenOver)
        ServerPacket.encodeDisconnect(
            into: &output, version: .v5, reason: .useAnotherServer, properties: bytes("1C 0001's'"))
        #expect(output == bytes("D000 E000 E0018E E0069C 04 1C 0001's'"))
        output = []
        ServerPacket.encodeAuth(into: &output, reason: .success, properties: bytes("15 0003'JWT'"))
        #expect(output == packet(0xF0, "00 06 15 0003'JWT'"))
    }
}
