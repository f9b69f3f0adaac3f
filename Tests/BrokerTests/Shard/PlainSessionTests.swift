import Identity
import MQTT
import Persistence
import Testing

@testable import Broker

/// Persistent sessions on plain topics, and QoS 2 before and after a save.
@Suite(.serialized) struct PlainSessionTests {
    private func session(_ hub: TestHub, shard: Int = 0, _ id: String = "s") throws -> TestClient {
        try TestClient(hub, shard: shard, user: nil, id: id, isClean: false, expirySeconds: 100)
    }

    /// Once SUBACK is here, whatever is acknowledged is kept for the session, on whichever shard it was published.
    @Test func keptWhileAway() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let reader = try session(hub)
            try reader.subscribe("a/#", qos: .exactlyOnce)
            try reader.disconnect()
            for shard in 0..<2 {
                let writer = try TestClient(hub, shard: shard, user: nil, id: "w\(shard)")
                for number in 0..<20 {
                    let id = try writer.publish("a/\(number)", "\(shard) \(number)")
                    try checkEqual(try writer.receivePuback().packetID, id)
                }
                try writer.publish("a/x", "not kept", qos: .atMostOnce)
            }
            let back = try session(hub, shard: 1)
            try check(back.sessionPresent, "session present")
            for shard in 0..<2 {
                for number in 0..<20 {
                    let delivery = try back.receive()
                    try checkEqual(delivery.payload, "\(shard) \(number)")
                    try checkEqual(delivery.topic, "a/\(number)")
                    try checkEqual(delivery.qos, .atLeastOnce)
                    try back.acknowledge(delivery.packetID)
                }
            }
            try back.expectNothing()
        }
    }

    /// A client that does not wait for its SUBACK: what is published once the log is there waits for it.
    @Test func goneBeforeItsSuback() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub)
            hub.sessions.subscriptionSaves.close()
            try reader.sendSubscribe(["a"])
            try waitUntil("the subscription is saved") { hub.sessions.subscriptionSaves.waitingCount == 1 }
            try reader.disconnect()
            hub.sessions.subscriptionSaves.open()
            try waitUntil("the end is saved") { hub.sessions.all.contains { $0.leftWithExpiry != nil } }
            try hub.settle()
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("a", "x")
            _ = try writer.receivePuback()
            try checkEqual(try session(hub).receive().payload, "x")
        }
    }

    /// The publisher hears nothing before the logs of all matching filters have its message.
    @Test func acknowledgedWhenAllLogsHaveIt() async throws {
        try await onThread {
            let hub = try TestHub()
            for (id, filter) in [("s1", "a/#"), ("s2", "a/b"), ("s3", "+/b")] {
                let reader = try session(hub, id)
                try reader.subscribe(filter)
                try reader.disconnect()
            }
            let writer = try TestClient(hub, user: nil, id: "w")
            hub.log.hold()
            let id = try writer.publish("a/b", "x")
            try waitUntil("three logs get it") { hub.log.heldCount == 3 }
            var held = hub.log.takeHeld()
            let last = held.removeLast()
            for one in held.reversed() { hub.log.finish(one, hub.log.store(one.append)) }
            try writer.expectNothing()
            hub.log.finish(last, hub.log.store(last.append))
            try checkEqual(try writer.receivePuback().packetID, id)
        }
    }

    @Test func aFullLogRefuses() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub)
            try reader.subscribe("a")
            let writer = try TestClient(hub, user: nil, id: "w")
            hub.log.fill(true)
            try writer.publish("a", "x")
            try checkEqual(try writer.receivePuback().reason, .quotaExceeded)
            try writer.publish("a", "y", qos: .atMostOnce)
            try checkEqual(try reader.receive().payload, "y")
        }
    }

    /// In flight when the connection ends: again under the same identifiers, in order, with DUP, before anything new.
    @Test func inFlightComesAgain() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let reader = try session(hub)
            try reader.subscribe("a/+")
            try reader.subscribe("b")
            let writer = try TestClient(hub, user: nil, id: "w")
            for number in 1...6 {
                try writer.publish(number % 3 == 0 ? "b" : "a/\(number)", "\(number)")
                _ = try writer.receivePuback()
            }
            let first = try (1...6).map { _ in try reader.receive() }
            try reader.acknowledge(first[1].packetID)
            try reader.expectNothing()
            let back = try session(hub, shard: 1)
            try writer.publish("a/7", "7")
            let again = try (1...5).map { _ in try back.receive() }
            let expected = first.filter { $0.packetID != first[1].packetID }
            for topic in ["a", "b"] {
                try checkEqual(
                    again.filter { $0.topic.hasPrefix(topic) }.map(\.packetID),
                    expected.filter { $0.topic.hasPrefix(topic) }.map(\.packetID))
            }
            try checkEqual(again.map(\.isRepeated), Array(repeating: true, count: 5))
            let new = try back.receive()
            try checkEqual(new.payload, "7")
            try check(!new.isRepeated, "the new one has no DUP")
        }
    }

    /// Nothing that depends on a packet identifier of QoS 2 is done before the session is saved with it.
    @Test func savedBeforeItIsDone() async throws {
        try await onThread {
            let hub = try TestHub()
            let both = try session(hub)
            try both.subscribe("a", qos: .exactlyOnce)
            let saves = hub.sessions.stateSaves
            saves.close()
            let published = try both.publish("a", "x", qos: .exactlyOnce)
            try waitUntil("the exchange is saved") { saves.waitingCount == 1 }
            try both.expectNothing()
            saves.letThrough()
            // The message is published now, and its delivery saved before it is sent.
            guard case .pubrec(let pubrec) = try both.next() else { throw CheckFailure(description: "no PUBREC") }
            try checkEqual(pubrec.packetID, published)
            try waitUntil("the delivery is saved") { saves.waitingCount == 1 }
            try both.expectNothing()
            saves.letThrough()
            let delivery = try both.receive()
            try both.acknowledge(delivery.packetID, .pubrec)
            try waitUntil("the receipt is saved") { saves.waitingCount == 1 }
            try both.expectNothing()
            saves.letThrough()
            guard case .pubrel = try both.next() else { throw CheckFailure(description: "no PUBREL") }
            try both.acknowledge(published, .pubrel)
            try waitUntil("the release is saved") { saves.waitingCount == 1 }
            try both.expectNothing()
            saves.open()
            guard case .pubcomp = try both.next() else { throw CheckFailure(description: "no PUBCOMP") }
        }
    }

    /// Messages of one client keep their order, though one of them has to wait for a save.
    @Test func orderBehindAHeldPublish() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try TestClient(hub, user: nil, id: "r")
            try reader.subscribe("a", qos: .exactlyOnce)
            let writer = try session(hub)
            hub.sessions.stateSaves.close()
            for (number, qos) in [QoS.exactlyOnce, .atLeastOnce, .atMostOnce, .exactlyOnce].enumerated() {
                try writer.publish("a", "\(number)", qos: qos)
            }
            try waitUntil("a save is under way") { hub.sessions.stateSaves.waitingCount == 1 }
            try reader.expectNothing()
            hub.sessions.stateSaves.open()
            try checkEqual(try (0..<4).map { _ in try reader.receive().payload }, ["0", "1", "2", "3"])
        }
    }

    /// One message that several filters of a session match comes once, with the highest QoS.
    @Test func overlappingFilters() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub)
            try reader.subscribe("a/#")
            try reader.subscribe("a/b", qos: .exactlyOnce)
            try reader.subscribe("+/b", qos: .atMostOnce)
            let writer = try TestClient(hub, user: nil, id: "w")
            for number in 0..<50 {
                try writer.publish("a/b", "\(number)", qos: .exactlyOnce)
                let delivery = try reader.receive()
                try checkEqual(delivery.payload, "\(number)")
                try checkEqual(delivery.qos, .exactlyOnce)
            }
            try reader.expectNothing()
        }
    }

    /// What no log has is kept with the session until it is complete: a retained message, and what was in flight at UNSUBSCRIBE. Also
    /// for a client that comes back with another version.
    @Test(arguments: [ProtocolVersion.v5, .v3_1_1]) func keptPackets(_ version: ProtocolVersion) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("a/kept", "retained", retain: true)
            _ = try writer.receivePuback()
            let reader = try session(hub)
            try reader.subscribe("a/#", qos: .exactlyOnce)
            let retained = try reader.receive()
            try checkEqual(retained.payload, "retained")
            try writer.publish("a/b", "in flight", qos: .exactlyOnce)
            let inFlight = try reader.receive()
            try reader.sendUnsubscribe("a/#")
            guard case .unsuback = try reader.next() else { throw CheckFailure(description: "no UNSUBACK") }
            let back = try TestClient(
                hub, shard: 1, user: nil, id: "s", version: version, isClean: false, expirySeconds: 100)
            for expected in [retained, inFlight] {
                let again = try back.receive()
                try check(again.isRepeated, "it has DUP")
                try checkEqual(again.payload, expected.payload)
                try checkEqual(again.packetID, expected.packetID)
                try checkEqual(again.qos, expected.qos)
                try checkEqual(again.retain, expected.retain)
                try back.acknowledge(again.packetID, again.qos == .exactlyOnce ? .pubrec : .puback)
                if again.qos == .exactlyOnce {
                    guard case .pubrel = try back.next() else { throw CheckFailure(description: "no PUBREL") }
                    try back.acknowledge(again.packetID, .pubcomp)
                }
            }
            try back.expectNothing()
            try back.disconnect()
            let last = try session(hub)
            try last.expectNothing()
            try check(hub.sessions.all.allSatisfy { $0.stored.state.packets.isEmpty }, "nothing is kept any more")
        }
    }

    /// In flight at UNSUBSCRIBE with hundreds of entries in between that the session did not get: only the two are read.
    @Test func unsubscribedWithAGap() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try session(hub), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("a", SubscriptionOptions(qos: .atLeastOnce, noLocal: true))
            func publish(_ payload: String, by client: TestClient) throws {
                try client.publish("a", payload)
                _ = try client.receivePuback()
            }
            try publish("1", by: writer)
            let first = try reader.receive()
            for _ in 0..<300 { try publish("own", by: reader) }
            try publish("2", by: writer)
            let second = try reader.receive()
            let readsCount = hub.log.readLimits.count
            try reader.sendUnsubscribe("a")
            guard case .unsuback = try reader.next() else { throw CheckFailure(description: "no UNSUBACK") }
            try checkEqual(Array(hub.log.readLimits[readsCount...]), [2])
            let back = try session(hub)
            for expected in [first, second] {
                let again = try back.receive()
                try checkEqual(again.payload, expected.payload)
                try checkEqual(again.packetID, expected.packetID)
            }
        }
    }

    /// An acknowledgement of another kind than the exchange has is a violation; one that belongs to none is not.
    @Test(
        arguments: [
            (.atLeastOnce, .pubrec, true), (.atLeastOnce, .pubcomp, true), (.exactlyOnce, .puback, true),
            (.exactlyOnce, .pubcomp, true), (.atMostOnce, .puback, false), (.atMostOnce, .pubcomp, false),
        ] as [(QoS, PacketType, Bool)])
    func acknowledgementsOutOfPlace(_ qos: QoS, _ answer: PacketType, _ isViolation: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try TestClient(hub, user: nil, id: "r")
            try reader.subscribe("a", qos: .exactlyOnce)
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("a", "x", qos: qos)
            let delivery = try reader.receive()
            try reader.acknowledge(max(delivery.packetID, 1), answer)
            if isViolation {
                try checkEqual(try reader.receiveDisconnect(), .protocolError)
            } else {
                try reader.expectNothing()
            }
        }
    }

    /// 3.1.1 has no receive maximum: exchanges that wait for PUBREL must not keep it from being read.
    @Test func manyOpenExchanges() async throws {
        try await onThread {
            let hub = try TestHub()
            let writer = try TestClient(hub, user: nil, id: "w", version: .v3_1_1)
            let ids = try (0..<3_000).map { _ in try writer.publish("a", "x", qos: .exactlyOnce) }
            for id in ids { try writer.acknowledge(id, .pubrel) }
            var types: [PacketType] = []
            for _ in 0..<6_000 { types.append(try writer.skip()) }
            try checkEqual(types.filter { $0 == .pubrec }.count, 3_000)
            try checkEqual(types.filter { $0 == .pubcomp }.count, 3_000)
        }
    }

    /// What was in flight and may no longer be sent makes room for what comes after it.
    @Test(arguments: [true, false]) func inFlightThatIsNotSentAgain(_ losesRight: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let open = AccessList(subscribe: ["app/#"])
            let reader = try TestClient(
                hub, user: 1, isClean: false, expirySeconds: 100, receiveMaximum: 1, acl: open)
            try reader.subscribe("app/#")
            let writer = try TestClient(hub, user: nil, id: "w")
            for (topic, payload) in [("app/a", String(repeating: "x", count: 200)), ("app/b", "2"), ("app/c", "3")] {
                try writer.publish(topic, payload)
                _ = try writer.receivePuback()
            }
            try checkEqual(try reader.receive().topic, "app/a")
            let back = try TestClient(port: hub.ports[0])
            let acl = AccessList(subscribe: ["app/#"], deny: losesRight ? ["app/a"] : [])
            try back.sendConnect(
                user: 1, id: "c", isClean: false, expirySeconds: 100, receiveMaximum: 1, acl: acl
            ) { if !losesRight { $0.packetBytesMax = 100 } }
            try checkEqual(try back.receiveConnack(), .success)
            for topic in ["app/b", "app/c"] {
                let delivery = try back.receive()
                try checkEqual(delivery.topic, topic)
                try back.acknowledge(delivery.packetID)
            }
        }
    }

    @Test func rightsAreAskedAtDelivery() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let open = AccessList(subscribe: ["app/#"])
            let closed = AccessList(subscribe: ["app/#"], deny: ["app/secret"])
            let reader = try TestClient(hub, user: 1, isClean: false, expirySeconds: 100, acl: open)
            try reader.subscribe("app/#")
            try reader.disconnect()
            let writer = try TestClient(hub, user: nil, id: "w")
            for topic in ["app/secret", "app/x"] {
                try writer.publish(topic, topic)
                _ = try writer.receivePuback()
            }
            let back = try TestClient(hub, user: 1, isClean: false, expirySeconds: 100, acl: closed)
            try checkEqual(try back.receive().topic, "app/x")
        }
    }

    /// Chat users without an `acl` claim have no plain topics, so their wildcards make no logs.
    @Test func noLogWithoutRights() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let reader = try TestClient(hub, user: 1, isClean: false, expirySeconds: 100)
            try reader.subscribe("#")
            try check(hub.filterLogs.existing(Array("#".utf8)) == nil, "no log")
        }
    }
}
