import MQTT
import Synchronization
import Testing

@testable import Broker

/// Message expiry on plain topics (MQTT 5 §3.3.2.3.3), with a clock that stands still until it is moved.
@Suite(.serialized) struct ExpiryTests {
    final class ManualClock: Sendable {
        private let milliseconds = Atomic<Int64>(1_800_000_000_000)
        var now: Int64 { milliseconds.load(ordering: .acquiring) }
        func advance(_ amount: Int64) { milliseconds.add(amount, ordering: .releasing) }
    }

    private func expiry(_ seconds: UInt32) -> [UInt8] {
        var properties: [UInt8] = []
        properties.appendProperty(.messageExpiryInterval, number: seconds)
        return properties
    }

    @Test(
        "[MQTT-3.3.2-6] seconds are rounded up",
        arguments: [
            (10_000, 10), (9_001, 10), (9_000, 9), (1, 1), (0, 0), (-999, 0), (-1000, -1),
        ] as [(Int64, Int64)])
    func secondsLeft(milliseconds: Int64, seconds: Int64) {
        #expect(Expiry.secondsLeft(until: 5_000 + milliseconds, now: 5_000) == seconds)
    }

    /// Whoever can take a message at once gets the publisher's value, on every shard.
    @Test(arguments: [0, 1, 100, .max] as [UInt32])
    func immediateDelivery(seconds: UInt32) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let readers = try (0..<4).map { number in
                let client = try TestClient(hub, shard: number % 2, user: nil, id: "r\(number)")
                try client.subscribe("t", qos: number < 2 ? .atMostOnce : .atLeastOnce)
                return client
            }
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("t", "x", properties: expiry(seconds))
            for reader in readers { try checkEqual(try reader.receive().expirySeconds, seconds) }
        }
    }

    /// [MQTT-3.3.2-5] [MQTT-3.3.2-6] With a window of one, messages wait for the acknowledgement of the one before them.
    @Test(arguments: [(ProtocolVersion.v5, 1), (.v3_1_1, 1), (.v5, 2)] as [(ProtocolVersion, Int)])
    func waitingMessages(version: ProtocolVersion, shards: Int) async throws {
        try await onThread {
            let clock = ManualClock()
            let hub = try TestHub(shards: shards, wallMilliseconds: { clock.now })
            let reader = try TestClient(
                hub, user: nil, id: "r", version: version, receiveMaximum: version == .v5 ? 1 : 65_535)
            try reader.subscribe("t")
            let writer = try TestClient(hub, shard: shards - 1, user: nil, id: "w")
            // 3.1.1 has no receive maximum: what fills its window is ours.
            let windowCount = version == .v5 ? 1 : Limits.transientInFlightMax
            for _ in 0..<windowCount {
                try writer.publish("t", "first")
                _ = try writer.receivePuback()
            }
            let waiting = [("over", 2), ("kept", 3), ("short", 200), ("none", nil)] as [(String, UInt32?)]
            for (text, seconds) in waiting {
                try writer.publish("t", text, properties: seconds.map { expiry($0) } ?? [])
                _ = try writer.receivePuback()
            }
            try hub.settle()
            clock.advance(2_500)
            var unacknowledged = try (0..<windowCount).map { _ in try reader.receive().packetID }
            for (text, seconds) in [("kept", 1), ("short", 198), ("none", nil)] as [(String, UInt32?)] {
                try reader.acknowledge(unacknowledged.removeFirst())
                let delivery = try reader.receive()
                try checkEqual(delivery.payload, text)
                try checkEqual(delivery.expirySeconds, version == .v5 ? seconds : nil)
                unacknowledged.append(delivery.packetID)
            }
            try reader.expectNothing()
            try checkEqual(hub.hub.metrics.dropped.current, 1)
        }
    }

    /// What other shards hand over counts from when it was published.
    @Test func handedOver() async throws {
        try await onThread {
            let clock = ManualClock()
            let hub = try TestHub(wallMilliseconds: { clock.now })
            let reader = try TestClient(hub, user: nil, id: "r")
            try reader.subscribe("t")
            var batch = PlainBatch()
            for left in [-1_000, 30_000, 29_999, 0] {
                batch.append(
                    topic: Array("t".utf8), payload: Array("\(left)".utf8).span, forwarded: [], qos: .atMostOnce,
                    retain: false, expiresAt: left == 0 ? 0 : clock.now + Int64(left))
            }
            _ = hub.hub.backlogs[0].add(batch.heldBytes)
            hub.mailroom.post(.plain([batch]), to: 0)
            for (payload, seconds) in [("30000", 30), ("29999", 30), ("0", nil)] as [(String, UInt32?)] {
                let delivery = try reader.receive()
                try checkEqual(delivery.payload, payload)
                try checkEqual(delivery.expirySeconds, seconds)
            }
            try reader.expectNothing()
        }
    }

    /// What waits in a shared subscription ages too.
    @Test func shared() async throws {
        try await onThread {
            let clock = ManualClock()
            let hub = try TestHub(wallMilliseconds: { clock.now })
            let reader = try TestClient(hub, user: nil, id: "r", receiveMaximum: 1)
            try reader.subscribe("$share/g/t")
            let writer = try TestClient(hub, user: nil, id: "w")
            for (text, seconds) in [("first", 10), ("over", 10), ("kept", 20)] as [(String, UInt32)] {
                try writer.publish("t", text, properties: expiry(seconds))
                _ = try writer.receivePuback()
            }
            let first = try reader.receive()
            try checkEqual(first.expirySeconds, 10)
            clock.advance(10_500)
            try reader.acknowledge(first.packetID)
            let second = try reader.receive()
            try checkEqual(second.payload, "kept")
            try checkEqual(second.expirySeconds, 10)
        }
    }

    /// A will counts from when it is sent.
    @Test func wills() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let readers = try (0..<2).map { number in
                let client = try TestClient(hub, shard: number, user: nil, id: "r\(number)")
                try client.subscribe("t")
                return client
            }
            var will = Will(topic: Array("t".utf8), payload: Array("x".utf8), qos: .atLeastOnce, retain: false)
            will.messageExpirySeconds = 1_000
            _ = try TestClient(hub, user: nil, id: "m", will: will)
            for reader in readers { try checkEqual(try reader.receive().expirySeconds, 1_000) }
        }
    }

    /// With subscription identifiers each delivery is encoded for itself: the expiry is the first property there too.
    @Test func waitingWithIdentifier() async throws {
        try await onThread {
            let clock = ManualClock()
            let hub = try TestHub(wallMilliseconds: { clock.now })
            let reader = try TestClient(hub, user: nil, id: "r", receiveMaximum: 1)
            var subscribe = Subscribe(packetID: 1)
            subscribe.subscriptionID = 200_000
            subscribe.entries = [
                Subscribe.Entry(filter: Array("t".utf8), options: SubscriptionOptions(qos: .atLeastOnce))
            ]
            var bytes: [UInt8] = []
            ClientPacket.encodeSubscribe(into: &bytes, version: .v5, subscribe)
            try reader.send(bytes)
            _ = try reader.next()
            let writer = try TestClient(hub, user: nil, id: "w")
            var properties = expiry(10)
            // Properties of 128 bytes and more: their length takes two.
            properties.appendUserProperty("name", String(repeating: "v", count: 200))
            for _ in 0..<2 {
                try writer.publish("t", "x", properties: properties)
                _ = try writer.receivePuback()
            }
            clock.advance(4_000)
            let first = try reader.receive()
            try checkEqual(first.expirySeconds, 10)
            try reader.acknowledge(first.packetID)
            try checkEqual(try reader.receive().expirySeconds, 6)
        }
    }
}
