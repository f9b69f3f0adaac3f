import Identity
import MQTT
import Testing

@testable import Broker

/// What CONNACK says, and how large packets may be.
@Suite(.serialized) struct ConnackTests {
    private func connack(
        _ hub: TestHub, user: Int64? = nil, id: String = "c", version: ProtocolVersion = .v5, acl: AccessList? = nil,
        edit: @escaping (inout Connect) -> Void
    ) throws -> (client: TestClient, connack: Connack) {
        let client = try TestClient(port: hub.ports[0], version: version)
        try client.sendConnect(user: user, id: id, acl: acl, edit: edit)
        guard case .connack(let connack) = try client.next() else { throw CheckFailure(description: "no CONNACK") }
        return (client, connack)
    }

    /// [MQTT-3.2.2-21] Only where there is a limit, and the client wants more than that; for clients without credentials there is one
    /// of 60 s, but for those who want none.
    @Test(
        arguments: [
            (0, 1, 0, nil), (0, 1, 65_535, nil), (100, 1, 0, 100), (100, 1, 101, 100), (100, 1, 100, nil),
            (100, 1, 1, nil),
            (0, nil, 0, nil), (0, nil, 60, nil), (0, nil, 61, 60), (100, nil, 90, 60), (30, nil, 61, 30),
        ] as [(UInt16, Int64?, UInt16, UInt16?)])
    func serverKeepAlive(limit: UInt16, user: Int64?, wish: UInt16, told: UInt16?) async throws {
        try await onThread {
            let hub = try TestHub(keepAliveSecondsMax: limit)
            hub.rights.set(1)
            let (_, connack) = try connack(hub, user: user) { $0.keepAliveSeconds = wish }
            try checkEqual(connack.properties.serverKeepAliveSeconds, told)
        }
    }

    /// [MQTT-3.1.2-22] What is told is used; 3.1.1 can't be told and has its wish.
    @Test func serverKeepAliveIsUsed() async throws {
        try await onThread {
            let hub = try TestHub(keepAliveSecondsMax: 1)
            let (old, _) = try connack(hub, id: "old", version: .v3_1_1) { $0.keepAliveSeconds = 0 }
            let (client, _) = try connack(hub) { $0.keepAliveSeconds = 0 }
            try checkEqual(try client.receiveDisconnect(), .keepAliveTimeout)
            try old.expectNothing()
        }
    }

    private static let own = AccessList(all: ["response/${clientid}/#"])

    @Test(
        arguments: [
            (nil, "c1", nil, "response/c1/"), (nil, "a/b", nil, nil), (nil, "a+", nil, nil), (nil, "#", nil, nil),
            (1, "c1", nil, nil), (1, "c1", own, "response/c1/"),
            (1, "c1", AccessList(all: ["response/other/#"]), nil), (1, "c1", AccessList(publish: ["#"]), nil),
            (1, "c1", AccessList(all: ["#"], deny: ["response/#"]), nil),
        ] as [(Int64?, String, AccessList?, String?)])
    func responseInformation(user: Int64?, id: String, acl: AccessList?, expected: String?) async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            for isRequested in [true, false] {
                let (client, connack) = try connack(hub, user: user, id: id, acl: acl) {
                    $0.requestResponseInformation = isRequested
                }
                let prefix = connack.properties.responseInformation.map { String(decoding: $0, as: UTF8.self) }
                try checkEqual(prefix, isRequested ? expected : nil)
                guard let prefix else { continue }
                let suback = try client.subscribe(prefix + "answers")
                try checkEqual(suback.reasons, [.grantedQoS1], "it must be usable")
            }
        }
    }

    // MARK: Sizes

    /// [MQTT-3.1.2-24] [MQTT-3.2.2-19] First goes what can be left out, then the client.
    @Test func connackSize() async throws {
        try await onThread {
            let hub = try TestHub()
            let wishes: (inout Connect) -> Void = { $0.requestResponseInformation = true }
            let (_, whole) = try connack(hub, edit: wishes)
            var bytes: [UInt8] = []
            ServerPacket.encodeConnack(
                into: &bytes, version: .v5, sessionPresent: false, reason: .success, properties: whole.properties)
            let informationCount = 3 + Array("response/c/".utf8).count
            let least = bytes.count - informationCount
            for (limit, reason, hasInformation) in [
                (bytes.count, .success, true), (bytes.count - 1, .success, false), (least, .success, false),
                (least - 1, .packetTooLarge, false), (5, .packetTooLarge, false),
            ] as [(Int, ReasonCode, Bool)] {
                let (client, connack) = try connack(hub) {
                    wishes(&$0)
                    $0.packetBytesMax = limit
                }
                try checkEqual(connack.reason, reason, "at \(limit)")
                try checkEqual(connack.properties.responseInformation != nil, hasInformation, "at \(limit)")
                if reason != .success { try client.expectEnd() }
            }
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: nil, id: "c") { $0.packetBytesMax = 4 }
            try client.expectEnd()
        }
    }

    /// Whom CONNACK never told that it is connected leaves no will.
    @Test func noWillOfWhoIsRefused() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try TestClient(hub, user: nil, id: "r")
            try reader.subscribe("will")
            let (client, connack) = try connack(hub) {
                $0.packetBytesMax = 6
                $0.will = Will(topic: Array("will".utf8), payload: [], qos: .atMostOnce, retain: false)
            }
            try checkEqual(connack.reason, .packetTooLarge)
            try client.expectEnd()
            try reader.expectNothing()
        }
    }

    /// Refusals too: with and without a reason string.
    @Test(arguments: [(1_000, true), (20, false)])
    func refusalSize(limit: Int, isSaid: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            for token in ["nonsense", String(decoding: TestHub.token(99), as: UTF8.self)] {
                // The second is refused when its user's rights are loaded.
                let (client, connack) = try connack(hub, user: 99) {
                    $0.password = Array(token.utf8)
                    $0.packetBytesMax = limit
                }
                try check(connack.reason.isError, "refused")
                try checkEqual(connack.properties.reasonString != nil, isSaid, "the reason string")
                try client.expectEnd()
            }
        }
    }

    /// [MQTT-3.14.2-3] DISCONNECT without a reason string where that would be too much.
    @Test func disconnectSize() async throws {
        try await onThread {
            let hub = try TestHub()
            for (limit, isSaid) in [(1_000, true), (24, false)] {
                let (client, _) = try connack(hub) { $0.packetBytesMax = limit }
                try client.sendConnect(user: nil, id: "c")
                guard case .disconnect(let disconnect) = try client.next() else {
                    throw CheckFailure(description: "no DISCONNECT")
                }
                try checkEqual(disconnect.reason, .protocolError)
                try checkEqual(disconnect.reasonString != nil, isSaid, "the reason string")
            }
        }
    }

    /// A SUBACK has a byte for each filter, so it can be too large whatever is left out.
    @Test func subackSize() async throws {
        try await onThread {
            let hub = try TestHub()
            let (client, _) = try connack(hub) { $0.packetBytesMax = 50 }
            // Type and length 2, packet identifier 2, properties 1.
            try checkEqual(try client.subscribe("a", "b", "c").reasons.count, 3)
            try client.sendSubscribe((0..<45).map { "f\($0)" })
            guard case .suback(let suback) = try client.next() else { throw CheckFailure(description: "no SUBACK") }
            try checkEqual(suback.reasons.count, 45)
            try client.sendSubscribe((0..<46).map { "f\($0)" })
            try checkEqual(try client.receiveDisconnect(), .packetTooLarge)
        }
    }

    /// [MQTT-3.1.2-29] Who asks for no problem information gets reasons in CONNACK and DISCONNECT at most.
    @Test(arguments: [true, false])
    func problemInformation(isRequested: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(7)])
            let (client, _) = try connack(hub, user: 1) { $0.requestProblemInformation = isRequested }
            let suback = try client.subscribe("group/7")
            try checkEqual(!suback.properties.userProperties.isEmpty, isRequested, "last_seq in SUBACK")
            try client.publish("group/9", "x")
            try checkEqual(!(try client.receivePuback().properties.isEmpty), isRequested, "the reason in PUBACK")
        }
    }
}
