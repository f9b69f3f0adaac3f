import Identity
import MQTT
import Testing

@testable import Broker

/// Statistics under `$SYS` (protocol.md §1).
@Suite(.serialized) struct SystemTests {
    /// The shards have their first values: from now on none come by themselves for ten seconds.
    private func start(shards: Int = 1) throws -> TestHub {
        let hub = try TestHub(shards: shards)
        try waitUntil("the first values are made") { hub.hub.statistics().sessionsAbsent != nil }
        for shard in 0..<shards { try hub.settle(shard) }
        return hub
    }

    private func values(_ values: [(String, String)]) -> ShardMail {
        .system(
            values.map { SystemValue(topic: Array("$SYS/broker/\($0.0)".utf8), payload: Array($0.1.utf8)) })
    }

    private func subscribe(
        _ client: TestClient, _ filter: String, _ options: SubscriptionOptions, identifier: UInt32? = nil
    ) throws -> ReasonCode? {
        var subscribe = Subscribe(packetID: 1)
        subscribe.subscriptionID = identifier
        subscribe.entries = [Subscribe.Entry(filter: Array(filter.utf8), options: options)]
        var bytes: [UInt8] = []
        ClientPacket.encodeSubscribe(into: &bytes, version: client.version, subscribe)
        try client.send(bytes)
        guard case .suback(let suback) = try client.next() else { return nil }
        return suback.reasons.first
    }

    /// An operator.
    private func connect(
        _ hub: TestHub, scope: String = "user admin", id: String = "c", version: ProtocolVersion = .v5,
        isClean: Bool = true, expirySeconds: UInt32 = 0
    ) throws -> TestClient {
        hub.rights.set(1)
        return try TestClient(
            hub, user: 1, id: id, version: version, isClean: isClean, expirySeconds: expirySeconds, scope: scope)
    }

    /// `#` and `+` do not reach it [MQTT-4.7.2-1].
    @Test(arguments: [
        ("$SYS/#", true), ("$SYS/broker/+", true), ("$SYS", true), ("$SYS/broker/version", true), ("$SYSTEM/#", false),
        ("$other/#", false), ("$SYS2", false),
    ])
    func rights(filter: String, isTheirs: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            let options = SubscriptionOptions(qos: .atLeastOnce, retainHandling: .doNotSend)
            let clients = [
                (try connect(hub, scope: "user", id: "user"), false), (try connect(hub, id: "admin"), isTheirs),
                (try connect(hub, scope: "bot service", id: "service"), false),
                (try TestClient(hub, user: nil, id: "anonymous"), false),
            ]
            for (client, mayRead) in clients {
                let reason = try subscribe(client, filter, options)
                try checkEqual(reason, mayRead ? .grantedQoS1 : .notAuthorized)
                try client.publish("$SYS/broker/version", "x")
                try checkEqual(try client.receivePuback().reason, .notAuthorized)
                try client.publish(filter.hasSuffix("#") ? "$other" : "$SYS", "x")
                try checkEqual(try client.receivePuback().reason, .notAuthorized)
            }
        }
    }

    /// Who subscribes gets what there is, with RETAIN; then what changes.
    @Test func currentValuesThenChanges() async throws {
        try await onThread {
            let hub = try start(shards: 2)
            hub.mailroom.post(values([("a", "1"), ("b", "2")]), to: 0)
            let clients = try [ProtocolVersion.v5, .v3_1_1].map {
                try connect(hub, id: "c\($0)", version: $0)
            }
            for client in clients {
                try client.subscribe("#", "$SYS/#")
                for (topic, payload) in [("a", "1"), ("b", "2")] {
                    let delivery = try client.receive()
                    try checkEqual([delivery.topic, delivery.payload], ["$SYS/broker/" + topic, payload])
                    try check(delivery.retain && delivery.qos == .atMostOnce, "like a retained message of QoS 0")
                }
            }
            hub.mailroom.post(values([("a", "1"), ("b", "3"), ("c", "4")]), to: 0)
            for client in clients {
                for (topic, payload) in [("b", "3"), ("c", "4")] {
                    let delivery = try client.receive()
                    try checkEqual([delivery.topic, delivery.payload], ["$SYS/broker/" + topic, payload])
                    try check(!delivery.retain, "an update")
                }
                try client.expectNothing()
                try client.sendUnsubscribe("$SYS/#")
                _ = try client.next()
            }
            hub.mailroom.post(values([("a", "9")]), to: 0)
            for client in clients { try client.expectNothing() }
        }
    }

    /// MQTT 5 §3.8.3.1: Retain Handling and Retain As Published; one copy with all identifiers.
    @Test func subscriptionOptions() async throws {
        try await onThread {
            let hub = try start()
            hub.mailroom.post(values([("a", "1")]), to: 0)
            let client = try connect(hub)
            let never = SubscriptionOptions(qos: .atMostOnce, retainHandling: .doNotSend)
            let ifNew = SubscriptionOptions(qos: .atMostOnce, retainAsPublished: true, retainHandling: .sendIfNew)
            _ = try subscribe(client, "$SYS/broker/+", never, identifier: 3)
            try client.expectNothing()
            _ = try subscribe(client, "$SYS/#", ifNew, identifier: 4)
            try checkEqual(try client.receive().payload, "1")
            _ = try subscribe(client, "$SYS/#", ifNew, identifier: 5)
            try client.expectNothing()
            hub.mailroom.post(values([("a", "2")]), to: 0)
            let delivery = try client.receive()
            try check(delivery.retain, "one of the two wants the flag as it was published")
            try checkEqual(delivery.subscriptionIDs.sorted(), [3, 5])
            try client.expectNothing()
        }
    }

    /// A session that comes back has its subscription, and no values until they change.
    @Test func resumedSession() async throws {
        try await onThread {
            let hub = try start()
            hub.mailroom.post(values([("a", "1")]), to: 0)
            let first = try connect(hub, isClean: false, expirySeconds: 100)
            try first.subscribe("$SYS/#")
            _ = try first.receive()
            try first.disconnect()
            try waitUntil("it is saved") { hub.sessions.all.contains { $0.leftWithExpiry != nil } }
            let second = try connect(hub, isClean: false, expirySeconds: 100)
            try check(second.sessionPresent, "session present")
            try second.expectNothing()
            hub.mailroom.post(values([("a", "2")]), to: 0)
            try checkEqual(try second.receive().payload, "2")
        }
    }

    /// Who is no operator any more gets nothing more.
    @Test func rightIsAskedAtDelivery() async throws {
        try await onThread {
            let hub = try start()
            hub.rights.set(1)
            let client = try TestClient(port: hub.ports[0])
            let method = Array("JWT".utf8)
            try client.sendConnect(user: nil, id: "c") {
                $0.authenticationMethod = method
                $0.authenticationData = TestHub.token(1, scope: "admin")
            }
            _ = try client.receiveConnack()
            _ = try subscribe(client, "$SYS/#", SubscriptionOptions(qos: .atMostOnce, retainHandling: .doNotSend))
            var properties: [UInt8] = [], bytes: [UInt8] = []
            properties.appendProperty(.authenticationMethod, bytes: method.span)
            properties.appendProperty(.authenticationData, bytes: TestHub.token(1).span)
            ServerPacket.encodeAuth(into: &bytes, reason: .reauthenticate, properties: properties)
            try client.send(bytes)
            _ = try client.next()
            hub.mailroom.post(values([("a", "1")]), to: 0)
            try client.expectNothing()
        }
    }

    /// Everything that was sent and received, by all shards.
    @Test func counters() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let reader = try TestClient(hub, shard: 0, user: nil, id: "r")
            let writer = try TestClient(hub, shard: 1, user: nil, id: "w")
            try reader.subscribe("t", "u")
            for _ in 0..<3 {
                try writer.publish("t", "payload")
                _ = try writer.receivePuback()
                try reader.acknowledge(try reader.receive().packetID)
            }
            try writer.publish("nobody", "x", qos: .atMostOnce)
            try reader.expectNothing()
            try writer.expectNothing()
            try waitUntil("the board is up to date") {
                let totals = hub.hub.statistics().totals
                // CONNECT, SUBSCRIBE, PUBLISH, PUBACK and PINGREQ, and the answers.
                return totals.packetsReceived == 2 + 1 + 4 + 3 + 2 && totals.packetsSent == 2 + 1 + 3 + 3 + 2
            }
            let totals = hub.hub.statistics().totals
            try checkEqual([totals.publishesReceived, totals.publishesSent], [4, 3])
            try check(
                totals.publishBytesReceived > 3 * 7 && totals.publishBytesReceived < totals.bytesReceived, "bytes")
            try check(totals.publishBytesSent > 3 * 7 && totals.publishBytesSent < totals.bytesSent, "bytes")
            try checkEqual([totals.connectionsOpened, totals.connects, totals.clientsConnected], [2, 2, 2])
            try checkEqual(hub.hub.statistics().clientsMax, 2)
            try writer.disconnect()
            try waitUntil("it is gone") { hub.hub.statistics().totals.clientsConnected == 1 }
            try checkEqual(hub.hub.statistics().clientsMax, 2)
        }
    }
}
