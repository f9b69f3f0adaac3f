import MQTT
import Testing

@Suite struct FixedHeaderTests {
    @Test(
        "[MQTT-1.5.5-1] remaining lengths at the borders of table 1-1",
        arguments: [
            ("00", 0), ("7F", 127), ("80 01", 128), ("FF 7F", 16_383), ("80 80 01", 16_384), ("FF FF 7F", 2_097_151),
            ("80 80 80 01", 2_097_152), ("FF FF FF 7F", 268_435_455),
        ])
    func lengths(text: String, value: Int) throws {
        let encoded = bytes(text)
        let packet = bytes("30" + text)
        let found = try header(packet)
        #expect(found?.remainingLength == value)
        #expect(found?.length == 1 + encoded.count)
        #expect(found?.packetLength == 1 + encoded.count + value)
        #expect(VariableInteger.length(value) == encoded.count)
        for count in 0..<packet.count {
            let prefix = Array(packet[..<count])
            #expect(try header(prefix) == nil)
        }
    }

    @Test func readsAtAnOffset() throws {
        let stream = bytes("C000 E000")
        #expect(try header(stream, at: 2)?.type == .disconnect)
        #expect(try header(stream, at: 4) == nil)
    }

    @Test(
        arguments: [
            ("a fifth length byte", "30 FF FF FF FF 7F", ReasonCode.malformedPacket),
            ("type 0", "00 00", .malformedPacket),
            ("[MQTT-3.3.1-4] QoS 3", "36 00", .malformedPacket),
            ("[MQTT-3.3.1-2] DUP at QoS 0", "38 00", .malformedPacket),
            ("[MQTT-2.1.3-1] CONNECT flags", "11 00", .malformedPacket),
            ("PUBACK flags", "42 00", .malformedPacket),
            ("[MQTT-3.6.1-1] PUBREL flags", "60 02", .malformedPacket),
            ("[MQTT-3.8.1-1] SUBSCRIBE flags", "80 02", .malformedPacket),
            ("[MQTT-3.10.1-1] UNSUBSCRIBE flags", "A3 02", .malformedPacket),
            ("PINGREQ flags", "C1 00", .malformedPacket),
            ("[MQTT-3.14.1-1] DISCONNECT flags", "E8 00", .malformedPacket),
            ("[MQTT-3.15.1-1] AUTH flags", "F2 00", .malformedPacket),
            ("larger than allowed", "30 80 80 80 01", .packetTooLarge),
            ("one byte larger than allowed", "30 FF 07", .packetTooLarge),
        ])
    func refuses(name: String, text: String, expected: ReasonCode) {
        do {
            _ = try header(bytes(text), packetBytesMax: 1_025)
            Issue.record("\(name) was accepted")
        } catch {
            #expect(error.reason == expected, "\(name)")
        }
    }

    @Test func aPacketOfExactlyTheMaximumPasses() throws {
        let packet = bytes("30 FE 07")
        #expect(try header(packet, packetBytesMax: 1_025)?.packetLength == 1_025)
    }

    @Test func onlyVersion3_1RepeatsControlPackets() {
        let pubrel = bytes("6A 02 0001")
        #expect(reason(pubrel, .v3_1) == nil)
        #expect(reason(pubrel, .v3_1_1) == .malformedPacket)
        #expect(reason(pubrel, .v5) == .malformedPacket)
    }

    @Test func paddedLengthsPassIn3AndNotIn5() {
        #expect(reason(bytes("C0 80 00"), .v3_1_1) == nil)
        #expect(reason(bytes("C0 80 00"), .v5) == .malformedPacket)
        #expect(reason(bytes("30 84 80 00 0001'a' 00"), .v5) == .malformedPacket)
    }
}
