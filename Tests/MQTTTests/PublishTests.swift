import MQTT
import Testing

@Suite struct PublishTests {
    private func publish(_ bytes: [UInt8], _ version: ProtocolVersion) throws -> Publish {
        guard case .publish(let publish)? = try decode(bytes, version) else { throw Unexpected() }
        return publish
    }

    struct Unexpected: Error {}

    @Test("figure 3-9 of MQTT 3.1.1 and its kin")
    func plain() throws {
        let bytes = packet(0x3B, "0003'a/b' 000A 'hello'")
        let publish = try publish(bytes, .v3_1_1)
        #expect(
            Array(bytes[publish.topic]) == Array("a/b".utf8) && Array(bytes[publish.payload]) == Array("hello".utf8))
        #expect(publish.packetID == 10 && publish.qos == .atLeastOnce && publish.dup && publish.retain)
        let empty = try self.publish(packet(0x30, "0001'a'"), .v3_1_1)
        #expect(empty.payload.isEmpty && empty.packetID == 0 && !empty.dup && !empty.retain && empty.qos == .atMostOnce)
        #expect(try self.publish(packet(0x34, "0001'a' FFFF"), .v3_1).packetID == 65_535)
    }

    @Test("every property of MQTT 5")
    func properties() throws {
        let text = """
            0001't' 0007 (01 01 02 0000003C 23 0005 08 0003'r/t' 09 0002 00FF 03 000A'text/plain'
            26 0001'a' 0001'1' 26 0001'b' 0001'2' 26 0001'a' 0001'3') 'body'
            """
        let bytes = packet(0x34, text)
        let publish = try publish(bytes, .v5)
        #expect(publish.isUTF8Payload && publish.messageExpirySeconds == 60 && publish.topicAlias == 5)
        #expect(publish.hasForwardedProperties && publish.qos == .exactlyOnce)
        for (name, value) in [("a", "1"), ("b", "2"), ("c", nil)] {
            let range = publish.userProperty(named: name, in: bytes.span)
            #expect(range.map { Array(bytes[$0]) } == value.map { Array($0.utf8) })
        }

        let all = try PublishProperties.decode(publish.properties, in: bytes.span)
        #expect(all.responseTopic == Array("r/t".utf8) && all.correlationData == [0, 255] && all.topicAlias == 5)
        #expect(all.contentType == Array("text/plain".utf8) && all.messageExpirySeconds == 60 && all.isUTF8Payload)
        // [MQTT-3.3.2-18]
        #expect(all.userProperties == [UserProperty("a", "1"), UserProperty("b", "2"), UserProperty("a", "3")])

        var forwarded: [UInt8] = []
        publish.appendForwardedProperties(to: &forwarded, in: bytes.span)
        let expected = """
            01 01 08 0003'r/t' 09 0002 00FF 03 000A'text/plain' 26 0001'a' 0001'1' 26 0001'b' 0001'2' 26 0001'a' 0001'3'
            """
        #expect(forwarded == MQTTTests.bytes(expected))
    }

    @Test("an alias is not forwarded, and stands for the topic")
    func alias() throws {
        let publish = try publish(packet(0x30, "0000 03 23 0001 'x'"), .v5)
        #expect(publish.topic.isEmpty && publish.topicAlias == 1 && !publish.hasForwardedProperties)
    }

    @Test func payloadFormat() throws {
        for (text, isValid) in [("'ok'", true), ("00", true), ("FF", false), ("C080", false), ("", true)] {
            let bytes = packet(0x30, "0001't' 02 0101" + text)
            let found = try publish(bytes, .v5).hasValidPayload(in: bytes.span)
            #expect(found == isValid, "\(text)")
        }
        let unclaimed = packet(0x30, "0001't' 02 0100 FF")
        let isUnclaimedValid = try publish(unclaimed, .v5).hasValidPayload(in: unclaimed.span)
        #expect(isUnclaimedValid)
    }

    @Test(
        arguments: [
            ("[MQTT-3.3.2-1] topic is not UTF-8", 0x30, "0002 C328 00", ReasonCode.malformedPacket),
            ("[MQTT-4.7.3-2] NUL", 0x30, "0003'a' 00 'b' 00", .malformedPacket),
            ("overlong", 0x30, "0002 C0AF 00", .malformedPacket),
            ("surrogate", 0x30, "0003 EDBFBF 00", .malformedPacket),
            ("beyond U+10FFFF", 0x30, "0004 F4908080 00", .malformedPacket),
            ("sequence cut off by the topic's end", 0x30, "0002'a' C3 A4", .malformedPacket),
            ("[MQTT-3.3.2-2] +", 0x30, "0003'a/+' 00", .topicNameInvalid),
            ("[MQTT-3.3.2-2] #", 0x30, "0001'#' 00", .topicNameInvalid),
            ("[MQTT-3.3.2-2] + inside a level", 0x30, "0003'a+b' 00", .topicNameInvalid),
            ("[MQTT-4.7.3-1] no topic, no alias", 0x30, "0000 00 'x'", .protocolError),
            ("[MQTT-2.2.1-3] packet id 0", 0x32, "0001'a' 0000 00", .protocolError),
            ("QoS 1 without packet id", 0x32, "0001'a'", .malformedPacket),
            ("[MQTT-3.3.2-8] alias 0", 0x30, "0001'a' 03 23 0000", .topicAliasInvalid),
            ("alias twice", 0x30, "0001'a' 06 23 0001 23 0001", .protocolError),
            ("payload format 2", 0x30, "0001'a' 02 01 02", .protocolError),
            ("[MQTT-3.3.4-6] subscription identifier", 0x30, "0001'a' 02 0B 01", .malformedPacket),
            ("[MQTT-3.3.2-14] wildcard in response topic", 0x30, "0001'a' 04 08 0001'#'", .topicNameInvalid),
            ("empty response topic", 0x30, "0001'a' 03 08 0000", .protocolError),
            ("user property without a value", 0x30, "0001'a' 04 26 0001'k'", .malformedPacket),
            ("no property length", 0x30, "0001'a'", .malformedPacket),
            ("topic longer than the packet", 0x30, "0005'a'", .malformedPacket),
            ("nothing", 0x30, "", .malformedPacket),
        ] as [(String, UInt8, String, ReasonCode)])
    func refuses(name: String, first: UInt8, body: String, expected: ReasonCode) {
        #expect(reason(packet(first, body), .v5) == expected, "\(name)")
    }

    @Test("3.1.1 has no alias to stand for an empty topic")
    func emptyTopicIn3() {
        #expect(reason(packet(0x30, "0000 'x'"), .v3_1_1) == .protocolError)
    }
}

@Suite struct ExpiryTests {
    /// Only the expiry goes, the rest keeps its order.
    @Test func expiryIsTakenOut() throws {
        var properties: [UInt8] = []
        #expect(PublishProperties.withoutExpiry(properties) == [])
        properties.appendUserProperty("b", "2")
        properties.appendProperty(.contentType, text: "x")
        properties.appendUserProperty("a", "1")
        let rest = properties
        #expect(PublishProperties.withoutExpiry(properties) == rest)
        properties.appendProperty(.messageExpiryInterval, number: 0x0202_0202)
        #expect(PublishProperties.withoutExpiry(properties) == rest)
        var first: [UInt8] = []
        first.appendProperty(.messageExpiryInterval, number: 7)
        #expect(PublishProperties.withoutExpiry(first + rest) == rest)
    }
}

extension PublishProperties {
    static func withoutExpiry(_ properties: [UInt8]) -> [UInt8] {
        var rest = properties
        removeExpiry(from: &rest)
        return rest
    }
}
