import MQTT
import Testing

@Suite struct ConnectTests {
    private func connect(_ bytes: [UInt8]) throws -> Connect {
        guard case .connect(let connect)? = try decode(bytes, .v5) else { throw Unexpected() }
        return connect
    }

    struct Unexpected: Error {}

    @Test("the smallest of each version")
    func smallest() throws {
        let old = try connect(packet(0x10, "0006'MQIsdp' 03 02 003C 0001'a'"))
        #expect(old.version == .v3_1 && old.cleanStart && old.keepAliveSeconds == 60 && old.clientID == bytes("'a'"))
        let middle = try connect(packet(0x10, "0004'MQTT' 04 00 FFFF 0001'a'"))
        #expect(middle.version == .v3_1_1 && !middle.cleanStart && middle.keepAliveSeconds == 65_535)
        #expect(middle.sessionExpirySeconds == .max)
        let new = try connect(packet(0x10, "0004'MQTT' 05 00 0000 00 0000"))
        #expect(new.version == .v5 && new.clientID.isEmpty && new.sessionExpirySeconds == 0)
        #expect(new.receiveMaximum == 65_535 && new.packetBytesMax == FixedHeader.packetBytesLimit)
        #expect(new.requestProblemInformation && !new.requestResponseInformation && new.topicAliasMaximum == 0)
    }

    @Test("[MQTT-3.1.3-1] every field of MQTT 5 in its order")
    func everything() throws {
        let packet = packet(
            0x10,
            """
            0004'MQTT' 05 EE 000A
            (11 0000000A 21 0014 27 00000400 22 0007 19 01 17 00
            26 0001'k' 0001'v' 26 0001'k' 0001'w' 15 0003'JWT' 16 0002 0102)
            0002'id'
            (18 00000005 01 01 02 00000009 26 0001'a' 0001'b')
            0003'w/t' 0002'hi' 0001'u' 0003'pwd'
            """)
        let connect = try connect(packet)
        #expect(connect.sessionExpirySeconds == 10 && connect.receiveMaximum == 20 && connect.packetBytesMax == 1_024)
        #expect(connect.topicAliasMaximum == 7 && connect.requestResponseInformation)
        #expect(!connect.requestProblemInformation)
        #expect(connect.userProperties == [UserProperty("k", "v"), UserProperty("k", "w")])
        #expect(connect.authenticationMethod == bytes("'JWT'") && connect.authenticationData == [1, 2])
        #expect(connect.clientID == bytes("'id'"))
        #expect(connect.username == bytes("'u'") && connect.password == bytes("'pwd'"))
        let will = try #require(connect.will)
        #expect(
            will.topic == bytes("'w/t'") && will.payload == bytes("'hi'") && will.qos == .atLeastOnce && will.retain)
        #expect(will.delaySeconds == 5 && will.messageExpirySeconds == 9 && will.isUTF8Payload)
        #expect(will.forwardedProperties == bytes("01 01 26 0001'a' 0001'b'"))
    }

    @Test("name and password without their flags' neighbours")
    func credentials() throws {
        let onlyPassword = try connect(packet(0x10, "0004'MQTT' 05 42 0000 00 0000 0001'p'"))
        #expect(onlyPassword.username == nil && onlyPassword.password == bytes("'p'"))
        let emptyName = try connect(packet(0x10, "0004'MQTT' 04 82 0000 0001'c' 0000"))
        #expect(emptyName.username == [] && emptyName.password == nil)
        let promised = try connect(packet(0x10, "0006'MQIsdp' 03 C2 0000 0001'c'"))
        #expect(promised.username == nil && promised.password == nil)
    }

    @Test("[MQTT-1.5.4-3] U+FEFF stays in strings")
    func byteOrderMark() throws {
        #expect(try connect(packet(0x10, "0004'MQTT' 04 02 0000 0003 EFBBBF")).clientID == [0xEF, 0xBB, 0xBF])
    }

    private static let v5 = "0004'MQTT' 05"
    private static let v3 = "0004'MQTT' 04"

    @Test(
        arguments: [
            ("[MQTT-3.1.2-1] another name", "0004'MQTX' 04 02 0000 0001'a'", ReasonCode.unsupportedProtocolVersion),
            ("a name in lower case", "0004'mqtt' 04 02 0000 0001'a'", .unsupportedProtocolVersion),
            ("[MQTT-3.1.2-2] level 6", "0004'MQTT' 06 02 0000 00 0001'a'", .unsupportedProtocolVersion),
            ("level 3 under the new name", "0004'MQTT' 03 02 0000 0001'a'", .unsupportedProtocolVersion),
            ("a bridge", "0004'MQTT' 84 02 0000 0001'a'", .unsupportedProtocolVersion),
            ("[MQTT-3.1.2-3] reserved flag, 3.1.1", "\(v3) 03 0000 0001'a'", .malformedPacket),
            ("[MQTT-3.1.2-3] reserved flag, 5", "\(v5) 03 0000 00 0001'a'", .malformedPacket),
            ("[MQTT-3.1.2-12] will QoS 3", "\(v5) 1E 0000 00 0001'a' 00 0001't' 0000", .malformedPacket),
            ("[MQTT-3.1.2-11] will QoS without a will", "\(v5) 0A 0000 00 0001'a'", .malformedPacket),
            ("[MQTT-3.1.2-13] will retain without a will", "\(v5) 22 0000 00 0001'a'", .malformedPacket),
            ("[MQTT-3.1.2-22] password without name in 3.1.1", "\(v3) 42 0000 0001'a' 0001'p'", .malformedPacket),
            ("[MQTT-3.1.3-8] no id and no clean session", "\(v3) 00 0000 0000", .clientIdentifierNotValid),
            ("no id in 3.1", "0006'MQIsdp' 03 02 0000 0000", .clientIdentifierNotValid),
            ("[MQTT-3.1.3-4] id is not UTF-8", "\(v3) 02 0000 0002 C080", .malformedPacket),
            ("[MQTT-1.5.4-2] NUL in the id", "\(v3) 02 0000 0002'a' 00", .malformedPacket),
            ("[MQTT-1.5.4-1] surrogate in the name", "\(v3) 82 0000 0001'a' 0003 EDA080", .malformedPacket),
            ("bytes after the payload", "\(v3) 02 0000 0001'a' 00", .malformedPacket),
            ("payload missing", "\(v3) 02 0000", .malformedPacket),
            ("name promised", "\(v3) 82 0000 0001'a'", .malformedPacket),
            ("[MQTT-3.1.3-11] will topic is not UTF-8", "\(v3) 06 0000 0001'a' 0001 FF 0000", .malformedPacket),
            ("will topic with wildcard", "\(v3) 06 0000 0001'a' 0003'a/#' 0000", .topicNameInvalid),
            ("empty will topic", "\(v3) 06 0000 0001'a' 0000 0000", .topicNameInvalid),
            ("will payload is not UTF-8", "\(v5) 06 0000 00 0001'a' 02 01 01 0001't' 0001 FF", .payloadFormatInvalid),
            ("receive maximum 0", "\(v5) 02 0000 03 21 0000 0000", .protocolError),
            ("maximum packet size 0", "\(v5) 02 0000 05 27 00000000 0000", .protocolError),
            ("session expiry twice", "\(v5) 02 0000 0A 11 00000001 11 00000001 0000", .protocolError),
            ("problem information 2", "\(v5) 02 0000 02 17 02 0000", .protocolError),
            ("response information 2", "\(v5) 02 0000 02 19 02 0000", .protocolError),
            ("authentication data without method", "\(v5) 02 0000 04 16 0001 00 0000", .protocolError),
            ("a topic alias in CONNECT", "\(v5) 02 0000 03 23 0001 0000", .malformedPacket),
            ("an unknown property", "\(v5) 02 0000 02 7E 00 0000", .malformedPacket),
            ("a property's id of two bytes", "\(v5) 02 0000 03 A6 01 00 0000", .malformedPacket),
            ("a property cut off by the property length", "\(v5) 02 0000 03 11 0000 0000 0000", .malformedPacket),
            ("properties longer than the packet", "\(v5) 02 0000 7F 0000", .malformedPacket),
            ("property length padded", "\(v5) 02 0000 80 00 0000", .malformedPacket),
            ("property length of five bytes", "\(v5) 02 0000 80 80 80 80 01 0000", .malformedPacket),
            ("will delay twice", "\(v5) 06 0000 00 0001'a' 0A 18 00000001 18 00000001 0001't' 0000", .protocolError),
            ("session expiry in the will", "\(v5) 06 0000 00 0001'a' 05 11 00000001 0001't' 0000", .malformedPacket),
            (
                "wildcard in the response topic", "\(v5) 06 0000 00 0001'a' 04 08 0001'+' 0001't' 0000",
                .topicNameInvalid
            ),
            ("empty packet", "", .malformedPacket),
        ])
    func refuses(name: String, body: String, expected: ReasonCode) {
        #expect(reason(packet(0x10, body), .v5) == expected, "\(name)")
    }

    @Test(
        "the version of the CONNACK that answers a refusal",
        arguments: [
            ("0004'MQTX' 04 02 0000 0001'a'", ProtocolVersion.v3_1_1),
            ("0004'MQTT' 06 02 0000 00 0001'a'", .v5),
            ("0004'MQTT' 84 02 0000 0001'a'", .v3_1_1),
            ("0004'MQTT' 85 02 0000 0001'a'", .v5),
            ("0004'MQTT' 05 03 0000 00 0001'a'", .v5),
            ("0004'MQTT' 04 00 0000 0000", .v3_1_1),
            ("0006'MQIsdp' 03 02 0000 0000", .v3_1),
            ("0004'MQT'", nil),
        ] as [(String, ProtocolVersion?)])
    func answerVersion(body: String, expected: ProtocolVersion?) {
        do {
            _ = try decode(packet(0x10, body), .v5)
            Issue.record("was accepted")
        } catch {
            #expect(error.version == expected)
        }
    }
}
