import MQTT
import Testing

/// A frame with an alias is made of one without: it must be what the encoder would have written at once.
@Suite struct AliasedPublishTests {
    private static let lengths = [0, 1, 100] + Array(115...128) + [16_500]

    @Test(arguments: [QoS.atMostOnce, .atLeastOnce, .exactlyOnce], lengths)
    func equalsWhatIsEncodedAtOnce(qos: QoS, length: Int) throws {
        let topic = bytes("'some/topic'"), packetID: UInt16 = qos == .atMostOnce ? 0 : 0x1234
        for payloadCount in [0, 1, 100] {
            for setsAlias in [true, false] {
                let payload = [UInt8](repeating: 7, count: payloadCount)
                var forwarded: [UInt8] = []
                if length > 0 { forwarded.appendProperty(.contentType, text: String(repeating: "c", count: length)) }
                var frame: [UInt8] = []
                ServerPacket.encodePublish(
                    into: &frame, version: .v5, topic: topic, payload: payload, qos: qos, retain: true,
                    packetID: qos == .atMostOnce ? 0 : 0xFFFF, properties: DeliveryProperties(forwarded: forwarded))
                var properties = DeliveryProperties(forwarded: forwarded)
                properties.topicAlias = 300
                var expected: [UInt8] = []
                ServerPacket.encodePublish(
                    into: &expected, version: .v5, topic: setsAlias ? topic : [], payload: payload, qos: qos,
                    retain: true, packetID: packetID, properties: properties)
                let range = ServerPacket.topicRange(ofPublish: frame.span)
                #expect(Array(frame[range]) == topic)
                var made: [UInt8] = []
                let rest = ServerPacket.encodeAliasedHead(
                    into: &made, of: frame.span, topic: range, alias: 300, setsAlias: setsAlias, packetID: packetID)
                made += frame[rest...]
                #expect(made == expected)
                #expect(made.count <= frame.count + ServerPacket.aliasBytesMax)
            }
        }
    }
}
