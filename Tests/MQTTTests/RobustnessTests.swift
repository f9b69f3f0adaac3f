import MQTT
import Testing

/// Bytes from a peer never trap, whatever they are (style.md 10).
@Suite struct RobustnessTests {
    static let valid: [(ProtocolVersion, [UInt8])] = [
        (.v3_1, packet(0x10, "0006'MQIsdp' 03 C6 003C 0001'a' 0001'w' 0001'm' 0001'u' 0001'p'")),
        (.v3_1_1, packet(0x10, "0004'MQTT' 04 C6 003C 0001'a' 0001'w' 0001'm' 0001'u' 0001'p'")),
        (
            .v5,
            packet(
                0x10,
                """
                0004'MQTT' 05 EE 000A (11 0000000A 21 0014 27 00000400 15 0003'JWT' 16 0002 0102 26 0001'k' 0000)
                0002'id' (18 00000005 01 01 02 00000009 26 0001'a' 0001'b') 0003'w/t' 0002'hi' 0001'u' 0003'pwd'
                """)
        ),
        (.v3_1_1, packet(0x3B, "0003'a/b' 000A 'hello'")),
        (.v5, packet(0x34, "0003 C3A462 0007 (01 01 02 0000003C 23 0005 08 0001'r' 26 0001'a' 0001'1') 'body'")),
        (.v5, packet(0x40, "0007 99 0E 1F 0003'why' 26 0001'a' 0002'bc'")),
        (.v5, packet(0x50, "0007 97 00")), (.v3_1_1, packet(0x62, "0007")), (.v5, packet(0x70, "0007 92")),
        (.v5, packet(0x82, "0001 0A 0B FF7F 26 0001'a' 0001'7' 0001'#' 2E 0003'a/b' 01")),
        (.v3_1_1, packet(0x82, "000A 0003'a/b' 01 0003'c/d' 02")),
        (.v5, packet(0xA2, "0005 07 26 0001'a' 0001'7' 0001'a' 0001'b'")), (.v5, bytes("C000")),
        (.v5, packet(0xE0, "04 09 11 0000000A 1F 0001'x'")), (.v5, packet(0xF0, "19 0A 15 0003'JWT' 16 0001 AA")),
    ]

    @Test("every prefix of a valid packet is incomplete", arguments: valid.indices)
    func prefixes(index: Int) throws {
        let (version, bytes) = Self.valid[index]
        #expect(try decode(bytes, version) != nil)
        for count in 0..<bytes.count {
            #expect(try decode(Array(bytes[..<count]), version) == nil)
        }
    }

    @Test(
        "every packet whose header promises less than its body is refused or read to its end", arguments: valid.indices)
    func shortened(index: Int) {
        let (version, bytes) = Self.valid[index]
        for length in 0..<bytes[1] {
            var shorter = Array(bytes[..<(2 + Int(length))])
            shorter[1] = length
            _ = reason(shorter, version)
        }
    }

    @Test("10^5 mutated packets of a fixed seed")
    func mutations() {
        var random = SeededGenerator(state: 20_261_122)
        var acceptedCount = 0
        for _ in 0..<100_000 {
            let (version, original) = Self.valid.randomElement(using: &random)!
            var bytes = original
            for _ in 0...Int.random(in: 0..<4, using: &random) { mutate(&bytes, &random) }
            // Most must get past the header.
            if Bool.random(using: &random), bytes.count >= 2 { bytes[1] = UInt8(min(bytes.count - 2, 127)) }
            let otherVersion = ProtocolVersion(rawValue: .random(in: 3...5, using: &random))!
            guard let packet = try? decode(bytes, Bool.random(using: &random) ? version : otherVersion) else {
                continue
            }
            acceptedCount += 1
            exercise(packet, bytes)
        }
        #expect(acceptedCount > 9_000)
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let position = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[position] = .random(in: 0...255, using: &random)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: position)
        case 3: bytes.insert(.random(in: 0...255, using: &random), at: position)
        default: bytes[position] = [0x00, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
        }
    }

    /// What a broker does with what was accepted.
    private func exercise(_ packet: ClientPacket, _ bytes: [UInt8]) {
        guard case .publish(let publish) = packet else { return }
        _ = publish.hasValidPayload(in: bytes.span)
        _ = publish.userProperty(named: "a", in: bytes.span)
        var properties = DeliveryProperties()
        publish.appendForwardedProperties(to: &properties.forwarded, in: bytes.span)
        let all = try? PublishProperties.decode(publish.properties, in: bytes.span)
        #expect(all != nil)
        var output: [UInt8] = []
        ServerPacket.encodePublish(
            into: &output, version: .v5, topic: bytes.span.extracting(publish.topic),
            payload: bytes.span.extracting(publish.payload), qos: publish.qos, retain: publish.retain, packetID: 1,
            properties: properties)
        #expect(!output.isEmpty)
    }

    @Test("10^4 mutated packets of a server, for a client")
    func serverMutations() {
        let valid = [
            packet(0x20, "01 00 (11 0000000A 21 0004 24 00 12 0001'x' 26 0001'a' 0001'b' 16 0001 00)"),
            packet(0x90, "0003 (1F 0001'x') 00 01 02 87"), packet(0xB0, "0003 (26 0000 0000) 00 11"), bytes("D000"),
            packet(0xE0, "9C (1C 0001's')"), packet(0x32, "0001't' 0001 (0B 01 0B 8001) 'x'"), bytes("20 02 01 00"),
        ]
        var random = SeededGenerator(state: 7)
        var acceptedCount = 0
        for _ in 0..<10_000 {
            var bytes = valid.randomElement(using: &random)!
            mutate(&bytes, &random)
            let version = ProtocolVersion(rawValue: .random(in: 3...5, using: &random))!
            guard let header = try? header(bytes), bytes.count >= header.packetLength else { continue }
            let packet = try? ServerPacket.decode(header, in: bytes.span, at: 0, version: version)
            acceptedCount += packet == nil ? 0 : 1
        }
        #expect(acceptedCount > 500)
    }

    @Test("60 KB of user properties in linear time (CVE-2021-41039)")
    func manyUserProperties() throws {
        let count = 12_000
        var body = bytes("0001't'")
        let properties = [[UInt8]](repeating: bytes("26 0000 0000"), count: count).flatMap { $0 }
        body += [UInt8(properties.count & 0x7F | 0x80), UInt8(properties.count >> 7 & 0x7F | 0x80)]
        body += [UInt8(properties.count >> 14)] + properties
        let header: [UInt8] = [
            0x30, UInt8(body.count & 0x7F | 0x80), UInt8(body.count >> 7 & 0x7F | 0x80), UInt8(body.count >> 14),
        ]
        guard case .publish(let publish)? = try decode(header + body, .v5) else {
            Issue.record("no PUBLISH")
            return
        }
        let all = try PublishProperties.decode(publish.properties, in: (header + body).span)
        #expect(all.userProperties.count == count)
    }

    @Test("65,535 slashes in PUBLISH and SUBSCRIBE (CVE-2019-11779)")
    func slashes() throws {
        let slashes = [UInt8](repeating: UInt8(ascii: "/"), count: 65_535)
        guard
            case .publish(let publish)? = try decode(
                bytes("30 81 80 04 FFFF") + slashes, .v3_1_1, packetBytesMax: 70_000)
        else {
            Issue.record("no PUBLISH")
            return
        }
        #expect(publish.topic.count == 65_535)
        guard
            case .subscribe(let subscribe)? = try decode(
                bytes("82 84 80 04 0001 FFFF") + slashes + [0], .v3_1_1, packetBytesMax: 70_000)
        else {
            Issue.record("no SUBSCRIBE")
            return
        }
        #expect(subscribe.entries[0].filter == slashes)
    }
}
