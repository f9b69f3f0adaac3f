import MQTT
import Testing

@testable import Broker

/// [MQTT-3.8.4-4]: a subscription of a persistent session gets another QoS while messages come. At QoS 0 they come live, above it from a log.
@Suite(.serialized) struct ReplacedSubscriptionTests {
    private func session(_ hub: TestHub, _ id: String = "s", receiveMaximum: UInt16 = 10) throws -> TestClient {
        try TestClient(
            hub, user: nil, id: id, isClean: false, expirySeconds: 100, receiveMaximum: receiveMaximum)
    }

    private func publish(_ payloads: String..., to topic: String, by writer: TestClient) throws {
        for payload in payloads {
            try writer.publish(topic, payload)
            _ = try writer.receivePuback()
        }
    }

    private func expectSuback(_ client: TestClient, line: Int = #line) throws {
        guard case .suback = try client.next(line: line) else {
            throw CheckFailure(description: "line \(line): no SUBACK")
        }
    }

    /// Until SUBACK everything comes live, also what the log of another session's subscription has: from there it does not come again.
    @Test(arguments: ["a/b", "a/+"]) func raised(_ filter: String) async throws {
        try await onThread {
            let hub = try TestHub()
            try session(hub, "other").subscribe(filter)
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe(filter, qos: .atMostOnce)
            let saves = hub.sessions.subscriptionSaves
            saves.close()
            try reader.sendSubscribe([filter], qos: .exactlyOnce)
            try waitUntil("the end of the log is known") { saves.waitingCount == 1 }
            try publish("1", "2", to: "a/b", by: writer)
            for payload in ["1", "2"] {
                let live = try reader.receive()
                try check(live.payload == payload && live.qos == .atMostOnce, "\(live)")
            }
            saves.open()
            try expectSuback(reader)
            try publish("3", to: "a/b", by: writer)
            let logged = try reader.receive()
            try check(logged.payload == "3" && logged.qos == .atLeastOnce, "\(logged)")
            try reader.expectNothing()
        }
    }

    /// It came live before SUBSCRIBE and is committed after it: the log's end, from which the session reads on, stands before it.
    @Test func raisedWhileSomethingIsBeingCommitted() async throws {
        try await onThread {
            let hub = try TestHub()
            try session(hub, "other").subscribe("a")
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("a", qos: .atMostOnce)
            hub.log.hold()
            try writer.publish("a", "1")
            try checkEqual(try reader.receive().payload, "1")
            try reader.subscribe("a", qos: .exactlyOnce)
            hub.log.release()
            _ = try writer.receivePuback()
            try publish("2", to: "a", by: writer)
            try checkEqual(try reader.receive().payload, "2")
        }
    }

    /// What comes from the log of another filter comes from there, whatever becomes of this one.
    @Test func raisedBesideALog() async throws {
        try await onThread {
            let hub = try TestHub()
            try session(hub, "other").subscribe("a/b")
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("a/#")
            try reader.subscribe("a/b", qos: .atMostOnce)
            hub.log.hold()
            try writer.publish("a/b", "1")
            try reader.expectNothing()
            try reader.subscribe("a/b", qos: .exactlyOnce)
            hub.log.release()
            _ = try writer.receivePuback()
            let logged = try reader.receive()
            try check(logged.payload == "1" && logged.qos == .atLeastOnce, "\(logged)")
            try reader.expectNothing()
        }
    }

    /// A new subscription leaves what an older one of the session gets live as it is.
    @Test func addedToOneOfQoS0() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("a/#", qos: .atMostOnce)
            let saves = hub.sessions.subscriptionSaves
            saves.close()
            try reader.sendSubscribe(["a/b"])
            try waitUntil("the subscription is being saved") { saves.waitingCount == 1 }
            try publish("1", to: "a/b", by: writer)
            try checkEqual(try reader.receive().qos, .atMostOnce)
            saves.open()
            try expectSuback(reader)
            try publish("2", to: "a/b", by: writer)
            try checkEqual(try reader.receive().qos, .atLeastOnce)
            try reader.expectNothing()
        }
    }

    /// A shard that has not heard of the log publishes live, so the change waits for it.
    @Test func raisedWhileAnotherShardPublishes() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let reader = try session(hub), writer = try TestClient(hub, shard: 1, user: nil, id: "w")
            try reader.subscribe("a", qos: .atMostOnce)
            try hub.settle(1)
            hub.observed.heldShard.store(1, ordering: .releasing)
            try writer.publish("a", "1")
            try waitUntil("the shard stands still") { hub.observed.isHeld.isSet }
            try reader.sendSubscribe(["a"])
            try waitUntil("the subscription is saved") {
                hub.sessions.all.contains { $0.stored.subscriptions.contains { $0.options & 3 == 1 } }
            }
            for _ in 0..<3 { try hub.settle(0) }
            try reader.expectNothing()
            hub.observed.heldShard.store(-1, ordering: .releasing)
            try checkEqual(try reader.receive().payload, "1")
            try expectSuback(reader)
            _ = try writer.receivePuback()
            try publish("2", to: "a", by: writer)
            let logged = try reader.receive()
            try check(logged.payload == "2" && logged.qos == .atLeastOnce, "\(logged)")
            try reader.expectNothing()
        }
    }

    /// What was committed for the session and waits for room is sent, and in its order; what comes later, too.
    @Test func lowered() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub, receiveMaximum: 1), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("a")
            try publish("1", "2", "3", to: "a", by: writer)
            let first = try reader.receive()
            try checkEqual(first.payload, "1")
            try reader.subscribe("a", qos: .atMostOnce)
            try publish("4", to: "a", by: writer)
            try reader.acknowledge(first.packetID)
            for payload in ["2", "3", "4"] {
                let delivery = try reader.receive()
                try check(delivery.payload == payload && delivery.qos == .atMostOnce, "\(delivery)")
            }
            try writer.publish("a", "5", qos: .atMostOnce)
            try checkEqual(try reader.receive().payload, "5")
            try reader.expectNothing()
        }
    }

    /// What is in flight is completed, on the next connection if need be (MQTT 5 §4.4).
    @Test(arguments: [false, true]) func loweredWithSomethingInFlight(_ isRaisedAgain: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("a")
            try publish("1", to: "a", by: writer)
            let first = try reader.receive()
            try reader.subscribe("a", qos: .atMostOnce)
            try publish("2", to: "a", by: writer)
            try checkEqual(try reader.receive().qos, .atMostOnce)
            if isRaisedAgain {
                try reader.subscribe("a", qos: .atMostOnce)
                try reader.subscribe("a", qos: .exactlyOnce)
            }
            reader.cut()
            let back = try session(hub)
            let again = try back.receive()
            try check(again.isRepeated && again.payload == "1" && again.packetID == first.packetID, "\(again)")
            try back.acknowledge(again.packetID)
            // The client has it, but never said so.
            if isRaisedAgain { try checkEqual(try back.receive().payload, "2") }
            try back.expectNothing()
        }
    }

    /// The last options count, also where the packet makes and lowers the subscription at once.
    @Test(arguments: [[1, 0], [0, 1], [2, 0, 1], [0, 2, 0]]) func oftenInOnePacket(_ levels: [UInt8]) async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            var subscribe = Subscribe(packetID: 9)
            subscribe.entries = levels.compactMap { QoS(rawValue: $0) }.map {
                Subscribe.Entry(filter: Array("a".utf8), options: SubscriptionOptions(qos: $0))
            }
            var bytes: [UInt8] = []
            ClientPacket.encodeSubscribe(into: &bytes, version: .v5, subscribe)
            try reader.send(bytes)
            try expectSuback(reader)
            try publish("1", to: "a", by: writer)
            let delivery = try reader.receive()
            try check(delivery.payload == "1" && delivery.qos.rawValue == levels.last, "\(delivery)")
            try reader.expectNothing()
        }
    }

    /// From one connection to the next a subscription of QoS 0 keeps nothing.
    @Test func loweredAndAway() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("a")
            try reader.subscribe("a", qos: .atMostOnce)
            try reader.disconnect()
            try publish("1", to: "a", by: writer)
            let back = try session(hub)
            try publish("2", to: "a", by: writer)
            let live = try back.receive()
            try check(live.payload == "2" && live.qos == .atMostOnce, "\(live)")
            try back.expectNothing()
        }
    }
}
