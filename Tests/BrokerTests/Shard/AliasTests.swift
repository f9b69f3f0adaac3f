import MQTT
import Testing

@testable import Broker

/// Topic aliases that the hub sets (MQTT 5 §3.3.2.3.4), on every way that a delivery can take.
@Suite(.serialized) struct AliasTests {
    private func reader(
        _ hub: TestHub, user: Int64? = nil, id: String = "r", edit: @escaping (inout Connect) -> Void
    ) throws -> TestClient {
        let client = try TestClient(port: hub.ports[0])
        try client.sendConnect(user: user, id: id, edit: edit)
        _ = try client.receiveConnack()
        return client
    }

    private func check(_ delivery: TestClient.Delivery, _ topic: String, _ alias: UInt16, _ payload: String) throws {
        try checkEqual([delivery.topic, "\(delivery.alias)", delivery.payload], [topic, "\(alias)", payload])
    }

    /// [MQTT-3.1.2-26] [MQTT-3.1.2-27] One shared frame, and to each client what it takes.
    @Test(arguments: [QoS.atMostOnce, .atLeastOnce])
    func plainDeliveries(qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let maxima = [0, 1, 2, .max] as [UInt16]
            let readers = try maxima.map { maximum in
                let client = try reader(hub, id: "r\(maximum)") { $0.topicAliasMaximum = maximum }
                try client.subscribe("#", qos: qos)
                return client
            }
            let old = try TestClient(hub, user: nil, id: "old", version: .v3_1_1)
            try old.subscribe("#", qos: qos)
            let writer = try TestClient(hub, shard: 1, user: nil, id: "w")
            for (number, topic) in ["one", "two", "one", "two", "three"].enumerated() {
                try writer.publish(topic, "\(number)", qos: qos)
            }
            let expected: [[(String, UInt16)]] = [
                [("one", 0), ("two", 0), ("one", 0), ("two", 0), ("three", 0)],
                [("one", 1), ("two", 1), ("one", 1), ("two", 1), ("three", 1)],
                [("one", 1), ("two", 2), ("", 1), ("", 2), ("three", 1)],
                [("one", 1), ("two", 2), ("", 1), ("", 2), ("three", 3)],
                [("one", 0), ("two", 0), ("one", 0), ("two", 0), ("three", 0)],
            ]
            for (client, deliveries) in zip(readers + [old], expected) {
                for (number, (topic, alias)) in deliveries.enumerated() {
                    try check(try client.receive(), topic, alias, "\(number)")
                }
            }
        }
    }

    /// A waiting frame was encoded before it was known which aliases stand when it is sent.
    @Test func queuedDeliveries() async throws {
        try await onThread {
            let hub = try TestHub()
            let client = try reader(hub) {
                $0.topicAliasMaximum = 1
                $0.receiveMaximum = 1
            }
            try client.subscribe("#")
            let writer = try TestClient(hub, user: nil, id: "w")
            var expiry: [UInt8] = []
            expiry.appendProperty(.messageExpiryInterval, number: 100)
            for (number, topic) in ["one", "one", "two", "one"].enumerated() {
                try writer.publish(topic, "\(number)", properties: expiry)
                _ = try writer.receivePuback()
            }
            for (number, topic) in ["one", "", "two", "one"].enumerated() {
                let delivery = try client.receive()
                try check(delivery, topic, 1, "\(number)")
                try checkEqual(delivery.expirySeconds, 100)
                try client.acknowledge(delivery.packetID)
            }
        }
    }

    /// Retained, live, saved before it is sent, shared.
    @Test func otherDeliveries() async throws {
        try await onThread {
            let hub = try TestHub()
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("topic", "retained", retain: true)
            _ = try writer.receivePuback()
            let client = try reader(hub) {
                $0.topicAliasMaximum = 10
                $0.sessionExpirySeconds = 100
            }
            try client.subscribe("topic", qos: .exactlyOnce)
            try check(try client.receive(), "topic", 1, "retained")
            try writer.publish("topic", "twice", qos: .exactlyOnce)
            let delivery = try client.receive()
            try check(delivery, "", 1, "twice")
            try checkEqual(delivery.qos, .exactlyOnce)
            for qos in [QoS.atMostOnce, .atLeastOnce] {
                let filter = "$share/g\(qos.rawValue)/shared\(qos.rawValue)"
                try client.subscribe(filter, qos: qos)
                for isFirst in [true, false] {
                    let topic = "shared\(qos.rawValue)"
                    try writer.publish(topic, "x", qos: .atMostOnce)
                    try check(try client.receive(), isFirst ? topic : "", UInt16(qos.rawValue) + 2, "x")
                }
            }
        }
    }

    @Test func storedDeliveries() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(7), TestRights.group(8)])
            let client = try reader(hub, user: 1) { $0.topicAliasMaximum = 10 }
            try client.subscribe("group/+")
            for group in [7, 8, 7, 8] as [Int64] {
                hub.log.announce(hub.log.store(.testGroup(group), "x"))
            }
            for (topic, alias, seq) in [("group/7", 1, 1), ("group/8", 2, 1), ("", 1, 2), ("", 2, 2)] {
                let delivery = try client.receive()
                try checkEqual(delivery.topic, topic)
                try checkEqual(Int(delivery.alias), alias)
                try checkEqual(Int(delivery.seq), seq)
            }
        }
    }

    /// [MQTT-3.1.2-24] Where the alias would be a byte too many, the message comes without it.
    @Test func packetSize() async throws {
        try await onThread {
            let hub = try TestHub()
            // Header 2, topic 2 + 5, properties 1, payload 30.
            let client = try reader(hub) {
                $0.topicAliasMaximum = 10
                $0.packetBytesMax = 45
            }
            try client.subscribe("topic", qos: .atMostOnce)
            let writer = try TestClient(hub, user: nil, id: "w")
            for count in [30, 35, 36, 30, 36, 35] {
                try writer.publish("topic", String(repeating: "x", count: count), qos: .atMostOnce)
            }
            for (topic, alias, count) in [("topic", 1, 30), ("topic", 0, 35), ("", 1, 30), ("topic", 0, 35)] {
                let delivery = try client.receive()
                try check(delivery, topic, UInt16(alias), String(repeating: "x", count: count))
            }
        }
    }

    /// Names are kept for each client: long ones are not.
    @Test func longTopics() async throws {
        try await onThread {
            let hub = try TestHub()
            let client = try reader(hub) { $0.topicAliasMaximum = 10 }
            try client.subscribe("#", qos: .atMostOnce)
            let writer = try TestClient(hub, user: nil, id: "w")
            for (count, alias) in [(Limits.aliasedTopicBytesMax, 1), (Limits.aliasedTopicBytesMax + 1, 0)] {
                let topic = String(repeating: "t", count: count)
                try writer.publish(topic, "x", qos: .atMostOnce)
                try check(try client.receive(), topic, UInt16(alias), "x")
            }
        }
    }
}
