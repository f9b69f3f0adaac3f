import Identity
import MQTT
import Persistence
import Testing

@testable import Broker

/// What a user sees of its devices, and the end of one.
@Suite(.serialized) struct DeviceTests {
    private func makeHub(shards: Int = 2) throws -> TestHub {
        let hub = try TestHub(shards: shards)
        for user in [Int64(1), 2] { hub.rights.set(user) }
        return hub
    }

    private func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let box = Box<Value>()
        Task { box.set(try? await body()) }
        try waitUntil("the answer comes") { box.isSet }
        guard let value = box.value else { throw CheckFailure(description: "it failed") }
        return value
    }

    @Test func theListOfAllShards() async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, shard: 0, user: 1, id: "a", loginSession: 5)
            try first.subscribe("group/+", "inbox/1")
            let second = try TestClient(
                hub, shard: 1, user: 1, id: "b", version: .v3_1_1, isClean: false)
            let stranger = try TestClient(hub, shard: 1, user: 2, id: "a")
            let devices = try run { await hub.hub.liveDevices(of: 1) }.sorted {
                $0.clientID.lexicographicallyPrecedes($1.clientID)
            }
            try checkEqual(devices.map { String(decoding: $0.clientID, as: UTF8.self) }, ["a", "b"])
            try checkEqual(devices.map(\.protocolVersion), ["5.0", "3.1.1"])
            try checkEqual(devices.map(\.subscriptionsCount), [2, 0])
            try checkEqual(devices.map(\.isPersistent), [false, true])
            try checkEqual(devices.map(\.loginSessionID), [5, nil])
            for client in [first, second, stranger] { try client.expectNothing() }
        }
    }

    /// Session, connection and subscriptions go, the will is sent; what is another user's, or has another id, stays.
    @Test func theEndOfOne() async throws {
        try await onThread {
            let hub = try makeHub()
            let watcher = try TestClient(hub, shard: 0, user: nil, id: "w")
            try watcher.subscribe("app/#")
            let device = try TestClient(
                hub, shard: 1, user: 1, id: "d", isClean: false, expirySeconds: 1_000, acl: AccessList(all: ["app/#"]),
                will: WillTests.will("app/gone", delay: 500))
            try device.subscribe("app/x")
            let others = [
                try TestClient(hub, shard: 1, user: 2, id: "d"), try TestClient(hub, shard: 0, user: 1, id: "e"),
            ]
            try check(try run { try await hub.hub.forgetDevice(Array("d".utf8), of: 1) }, "it was there")
            try checkEqual(try device.receiveDisconnect(), .administrativeAction)
            let will = try watcher.receive()
            try checkEqual(will.topic, "app/gone")
            try watcher.acknowledge(will.packetID)
            for other in others { try other.expectNothing() }
            try check(hub.sessions.all.allSatisfy { $0.key.clientID != Array("d".utf8) }, "no row is left")
            try check(!(try run { try await hub.hub.forgetDevice(Array("d".utf8), of: 1) }), "it is gone")
            let back = try TestClient(
                hub, shard: 0, user: 1, id: "d", isClean: false, expirySeconds: 1_000, acl: AccessList(all: ["app/#"]))
            try check(!back.sessionPresent, "a new session")
        }
    }

    /// The delay of its will ends with the session.
    @Test func theEndOfOneThatIsAway() async throws {
        try await onThread {
            let hub = try makeHub(shards: 1)
            let watcher = try TestClient(hub, user: nil, id: "w")
            try watcher.subscribe("app/#")
            let device = try TestClient(
                hub, user: 1, id: "d", isClean: false, expirySeconds: 1_000, acl: AccessList(all: ["app/#"]),
                will: WillTests.will("app/gone", delay: 500))
            device.cut()
            try waitUntil("the end is recorded") { hub.wills.all.first?.dueAt != nil }
            try watcher.expectNothing()
            try check(try run { try await hub.hub.forgetDevice(Array("d".utf8), of: 1) }, "it was there")
            try checkEqual(try watcher.receive().topic, "app/gone")
        }
    }

    /// Its CONNECT is refused; a later one is another session.
    @Test func theEndOfOneThatIsConnecting() async throws {
        try await onThread {
            let hub = try makeHub(shards: 1)
            hub.rights.loads.close()
            let device = try TestClient(port: hub.ports[0])
            try device.sendConnect(user: 1, id: "d", isClean: false, expirySeconds: 100)
            try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
            try check(try run { try await hub.hub.forgetDevice(Array("d".utf8), of: 1) }, "it was there")
            try checkEqual(try device.receiveConnack(), .administrativeAction)
            hub.rights.loads.open()
            try checkEqual(
                try TestClient(hub, user: 1, id: "d", isClean: false, expirySeconds: 100).sessionPresent, false)
        }
    }
}
