import Identity
import MQTT
import Persistence
import Testing

@testable import Broker

/// Losing access (protocol.md §1): what waits to be sent is not sent any more, and what comes behind it has room.
@Suite(.serialized) struct LostRightTests {
    private static let open = AccessList(subscribe: ["app/#"])
    private static let closed = AccessList(subscribe: ["app/#"], deny: ["app/secret"])

    /// A client that can bring another token, and takes one message at a time.
    private func client(_ hub: TestHub, isPersistent: Bool) throws -> TestClient {
        hub.rights.set(1)
        let client = try TestClient(port: hub.ports[0])
        try client.sendConnect(
            user: 1, id: "c", isClean: !isPersistent, expirySeconds: isPersistent ? 100 : 0, receiveMaximum: 1,
            acl: Self.open, hasMethod: true)
        try checkEqual(try client.receiveConnack(), .success)
        return client
    }

    private func narrow(_ client: TestClient) throws {
        try client.sendAuth(user: 1, acl: Self.closed)
        guard case .auth = try client.next() else { throw CheckFailure(description: "no AUTH") }
    }

    /// What the reader sends now is answered behind all that it waits for.
    private func expectNothingHeld(_ reader: TestClient, _ saves: Gate, line: Int = #line) throws {
        try reader.publish("x", "x", qos: .exactlyOnce)
        saves.open()
        guard case .pubrec = try reader.next(line: line) else {
            throw CheckFailure(description: "line \(line): no PUBREC")
        }
    }

    @Test func whatWaitsForRoom() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try client(hub, isPersistent: false), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("app/#")
            for topic in ["app/a", "app/secret", "app/b", "app/secret", "app/c"] {
                try writer.publish(topic, topic)
                _ = try writer.receivePuback()
            }
            let first = try reader.receive()
            try narrow(reader)
            try reader.acknowledge(first.packetID)
            try checkEqual(try reader.receiveTexts(2), ["app/b=app/b", "app/c=app/c"])
            try reader.expectNothing()
            try writer.publish("app/d", "d")
            try checkEqual(try reader.receiveTexts(1), ["app/d=d"])
        }
    }

    @Test func whatWaitsForASave() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try client(hub, isPersistent: true), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("app/#", qos: .exactlyOnce)
            let saves = hub.sessions.stateSaves
            saves.close()
            try writer.publish("app/secret", "x", qos: .exactlyOnce)
            try waitUntil("its delivery is being saved") { saves.waitingCount == 1 }
            try narrow(reader)
            try expectNothingHeld(reader, saves)
            for topic in ["app/a", "app/b"] {
                try writer.publish(topic, topic, qos: .exactlyOnce)
                let delivery = try reader.receive()
                try checkEqual(delivery.topic, topic)
                try reader.complete([delivery])
            }
        }
    }

    /// The group's entry is numbered, but the member who waits for it is removed.
    @Test func anEntryThatWaitsForASave() async throws {
        try await onThread {
            let hub = try TestHub()
            let group = StoredTopic.testGroup(70)
            hub.rights.set(1, groups: [TestRights.group(70)])
            let reader = try TestClient(hub, user: 1, isClean: false, expirySeconds: 100, receiveMaximum: 1)
            try reader.subscribe("group/+", qos: .exactlyOnce)
            let saves = hub.sessions.stateSaves
            saves.close()
            hub.log.announce(hub.log.store(group, "secret"))
            try waitUntil("its delivery is being saved") { saves.waitingCount == 1 }
            hub.log.announce(hub.log.store(group, "removed", .memberRemoved(user: 1)))
            try hub.settle()
            try expectNothingHeld(reader, saves)
            let added = RightsChange.memberAdded(user: 1, role: .member, announcement: false, firstSeq: 1)
            hub.log.announce(hub.log.store(group, "added", added))
            try checkEqual(try reader.receive().seq, 3)
        }
    }

    /// Another member of the shared subscription gets it.
    @Test func aSharedMessageThatWaitsForASave() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try client(hub, isPersistent: true), writer = try TestClient(hub, user: nil, id: "w")
            try reader.subscribe("$share/g/app/+", qos: .exactlyOnce)
            let saves = hub.sessions.stateSaves
            saves.close()
            try writer.publish("app/secret", "x", qos: .exactlyOnce)
            try waitUntil("its delivery is being saved") { saves.waitingCount == 1 }
            let other = try TestClient(hub, user: nil, id: "other")
            try other.subscribe("$share/g/app/+")
            try narrow(reader)
            try expectNothingHeld(reader, saves)
            try checkEqual(try other.receive().payload, "x")
        }
    }
}
