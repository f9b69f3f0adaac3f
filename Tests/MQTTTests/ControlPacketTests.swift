import MQTT
import Testing

/// Everything but CONNECT and PUBLISH.
@Suite struct ControlPacketTests {
    @Test func subscribe() throws {
        guard case .subscribe(let old)? = try decode(packet(0x82, "000A 0003'a/b' 01 0003'c/d' 02"), .v3_1_1) else {
            Issue.record("no SUBSCRIBE")
            return
        }
        #expect(old.packetID == 10)
        #expect(old.entries.map(\.filter) == [Array("a/b".utf8), Array("c/d".utf8)])
        #expect(old.entries.map(\.options.qos) == [.atLeastOnce, .exactlyOnce])

        let text = "0001 10 0B FFFFFF7F 26 0005'after' 0001'7' 0001'#' 2E"
        guard case .subscribe(let new)? = try decode(packet(0x82, text), .v5) else {
            Issue.record("no SUBSCRIBE")
            return
        }
        #expect(new.subscriptionID == 268_435_455 && new.userProperties == [UserProperty("after", "7")])
        let options = new.entries[0].options
        #expect(options.qos == .exactlyOnce && options.noLocal && options.retainAsPublished)
        #expect(options.retainHandling == .doNotSend && options.rawValue == 0x2E)
    }

    @Test func unsubscribe() throws {
        guard case .unsubscribe(let unsubscribe)? = try decode(packet(0xA2, "0005 00 0001'a' 0001'b'"), .v5) else {
            Issue.record("no UNSUBSCRIBE")
            return
        }
        #expect(unsubscribe.packetID == 5 && unsubscribe.filters == [Array("a".utf8), Array("b".utf8)])
    }

    @Test(
        arguments: [
            (0x40, "0007", ReasonCode.success), (0x40, "0007 10", .noMatchingSubscribers),
            (0x50, "0007 97 00", .quotaExceeded),
            (0x62, "0007 92", .packetIdentifierNotFound), (0x70, "0007 00", .success),
            (0x40, "0007 99 0E 1F 0003'why' 26 0001'a' 0002'bc'", .payloadFormatInvalid),
        ] as [(UInt8, String, ReasonCode)])
    func acknowledgements(first: UInt8, body: String, expected: ReasonCode) throws {
        let bytes = packet(first, body)
        let acknowledgement: Acknowledgement
        switch try decode(bytes, .v5) {
        case .puback(let packet)? where first == 0x40: acknowledgement = packet
        case .pubrec(let packet)? where first == 0x50: acknowledgement = packet
        case .pubrel(let packet)? where first == 0x62: acknowledgement = packet
        case .pubcomp(let packet)? where first == 0x70: acknowledgement = packet
        default:
            Issue.record("another packet")
            return
        }
        #expect(acknowledgement.packetID == 7 && acknowledgement.reason == expected)
        let properties = try ReasonProperties.decode(acknowledgement.properties, in: bytes.span)
        if expected == .payloadFormatInvalid {
            #expect(properties.reasonString == Array("why".utf8))
            #expect(properties.userProperties == [UserProperty("a", "bc")])
        }
    }

    @Test func pingDisconnectAuth() throws {
        guard case .pingreq? = try decode(bytes("C000"), .v3_1_1) else {
            Issue.record("no PINGREQ")
            return
        }
        for (text, version, expected) in [
            ("E000", ProtocolVersion.v3_1_1, ReasonCode.success), ("E000", .v5, .success),
            ("E0 01 04", .v5, .disconnectWithWillMessage),
            ("E0 07 04 05 11 0000000A", .v5, .disconnectWithWillMessage),
        ] {
            guard case .disconnect(let disconnect)? = try decode(bytes(text), version) else {
                Issue.record("no DISCONNECT")
                return
            }
            #expect(disconnect.reason == expected)
            #expect(disconnect.sessionExpirySeconds == (text.hasSuffix("0A") ? 10 : nil))
        }
        guard case .auth(let auth)? = try decode(packet(0xF0, "19 0A 15 0003'JWT' 16 0001 AA"), .v5) else {
            Issue.record("no AUTH")
            return
        }
        #expect(auth.reason == .reauthenticate && auth.method == Array("JWT".utf8) && auth.data == [0xAA])
    }

    @Test(
        arguments: [
            ("[MQTT-3.8.3-2] SUBSCRIBE without a filter", 0x82, "0001 00", .v5, ReasonCode.protocolError),
            ("[MQTT-3.8.3-3] the same in 3.1.1", 0x82, "0001", .v3_1_1, .protocolError),
            ("[MQTT-2.2.1-3] SUBSCRIBE with id 0", 0x82, "0000 00 0001'a' 00", .v5, .protocolError),
            ("SUBSCRIBE without an options byte", 0x82, "0001 00 0001'a'", .v5, .malformedPacket),
            ("the same in 3.1.1", 0x82, "0001 0001'a'", .v3_1_1, .malformedPacket),
            ("[MQTT-3.8.3-5] reserved option bits", 0x82, "0001 00 0001'a' 40", .v5, .malformedPacket),
            ("[MQTT-3.8.3-4] reserved option bits of 3.1.1", 0x82, "0001 0001'a' 04", .v3_1_1, .malformedPacket),
            ("QoS 3", 0x82, "0001 00 0001'a' 03", .v5, .protocolError),
            ("QoS 3 in 3.1.1", 0x82, "0001 0001'a' 03", .v3_1_1, .malformedPacket),
            ("retain handling 3", 0x82, "0001 00 0001'a' 30", .v5, .protocolError),
            ("[MQTT-3.8.3-4] no local and shared", 0x82, "0001 00 000A'$share/g/a' 04", .v5, .protocolError),
            ("subscription identifier 0", 0x82, "0001 02 0B 00 0001'a' 00", .v5, .protocolError),
            ("subscription identifier twice", 0x82, "0001 04 0B 01 0B 02 0001'a' 00", .v5, .protocolError),
            ("reason string in SUBSCRIBE", 0x82, "0001 04 1F 0001'x' 0001'a' 00", .v5, .malformedPacket),
            ("[MQTT-3.8.3-1] filter is not UTF-8", 0x82, "0001 00 0001 FF 00", .v5, .malformedPacket),
            ("[MQTT-3.10.3-2] UNSUBSCRIBE without a filter", 0xA2, "0001 00", .v5, .protocolError),
            ("UNSUBSCRIBE with id 0", 0xA2, "0000 00 0001'a'", .v5, .protocolError),
            ("identifier in UNSUBSCRIBE", 0xA2, "0001 02 0B 01 0001'a'", .v5, .malformedPacket),
            ("PUBACK with id 0", 0x40, "0000", .v5, .protocolError),
            ("PUBACK of one byte", 0x40, "00", .v5, .malformedPacket),
            ("PUBACK of three bytes in 3.1.1", 0x40, "0001 00", .v3_1_1, .malformedPacket),
            ("[MQTT-3.4.2-1] PUBACK 0x92", 0x40, "0001 92", .v5, .protocolError),
            ("[MQTT-3.5.2-1] PUBREC 0x81", 0x50, "0001 81", .v5, .protocolError),
            ("[MQTT-3.6.2-1] PUBREL 0x10", 0x62, "0001 10", .v5, .protocolError),
            ("[MQTT-3.7.2-1] PUBCOMP 0x80", 0x70, "0001 80", .v5, .protocolError),
            ("an unknown code", 0x40, "0001 77", .v5, .protocolError),
            ("two reason strings", 0x40, "0001 00 08 1F 0001'a' 1F 0001'b'", .v5, .protocolError),
            ("bytes after PUBACK", 0x40, "0001 00 00 00", .v5, .malformedPacket),
            ("PINGREQ with a body", 0xC0, "00", .v5, .malformedPacket),
            ("DISCONNECT with a body in 3.1.1", 0xE0, "00", .v3_1_1, .malformedPacket),
            ("[MQTT-3.14.2-1] a server's code", 0xE0, "8B", .v5, .protocolError),
            ("a server reference from a client", 0xE0, "00 04 1C 0001's'", .v5, .malformedPacket),
            ("bytes after DISCONNECT", 0xE0, "00 00 00", .v5, .malformedPacket),
            ("AUTH in 3.1.1", 0xF0, "", .v3_1_1, .malformedPacket),
            ("AUTH without anything", 0xF0, "", .v5, .protocolError),
            ("AUTH without a method", 0xF0, "18 00", .v5, .protocolError),
            ("[MQTT-3.15.2-1] success from a client", 0xF0, "00 06 15 0003'JWT'", .v5, .protocolError),
            ("CONNACK from a client", 0x20, "00 00 00", .v5, .protocolError),
            ("SUBACK from a client", 0x90, "0001 00 00", .v5, .protocolError),
            ("UNSUBACK from a client", 0xB0, "0001", .v3_1_1, .protocolError),
            ("PINGRESP from a client", 0xD0, "", .v5, .protocolError),
        ] as [(String, UInt8, String, ProtocolVersion, ReasonCode)])
    func refuses(name: String, first: UInt8, body: String, version: ProtocolVersion, expected: ReasonCode) {
        #expect(reason(packet(first, body), version) == expected, "\(name)")
    }
}
