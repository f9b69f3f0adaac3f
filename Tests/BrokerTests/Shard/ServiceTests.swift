import Identity
import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// With the scope `service` an `acl` opens stored topics for publishing (protocol.md §1).
@Suite(.serialized) struct ServiceTests {
    private static let acl = AccessList(publish: ["group/+", "inbox/+", "direct/+/+"], deny: ["group/99"])

    private func makeHub() throws -> TestHub {
        let hub = try TestHub()
        hub.rights.set(1)
        hub.rights.set(2, groups: [TestRights.group(70)])
        for topic in [StoredTopic.testGroup(70), .testGroup(71), .testInbox(2), .testGroup(99)] {
            hub.rights.topics.withLock { $0[topic.address] = FoundTopic(topic: topic, firstSeq: 1, lastSeq: 0) }
        }
        return hub
    }

    private func service(
        _ hub: TestHub, scope: String = "service", version: ProtocolVersion = .v5, acl: AccessList? = acl
    ) throws -> TestClient {
        try TestClient(hub, user: 1, id: "s", version: version, acl: acl, scope: scope)
    }

    @Test func publishes() async throws {
        try await onThread {
            let hub = try makeHub()
            let reader = try TestClient(hub, user: 2, id: "r")
            try reader.subscribe("group/70", "inbox/2")
            let service = try service(hub)
            for topic in ["group/70", "inbox/2"] {
                try service.publish(topic, "hi")
                try checkEqual(try service.receivePuback().reason, .success)
                let delivery = try reader.receive()
                try checkEqual(delivery.topic, topic)
                try check(delivery.payload.contains("\"from\":\"1\""), delivery.payload)
                try reader.acknowledge(delivery.packetID)
            }
            // It may write, and read no more than before.
            try checkEqual(try service.subscribe("group/70").reasons, [.notAuthorized])
        }
    }

    /// Scope and `acl` are both needed; `deny` wins; what is not there is refused, each time anew.
    @Test(arguments: [
        (scope: "user", topic: "group/70"), ("admin", "group/70"), ("bot", "group/70"), ("service", "group/99"),
        ("service", "group/72"), ("service", "direct/1/2"), ("service", "presence/2"), ("service", "group/70/read"),
    ])
    func refused(scope: String, topic: String) async throws {
        try await onThread {
            let hub = try makeHub()
            let service = try service(hub, scope: scope)
            for _ in 0..<2 {
                try service.publish(topic, "hi")
                try check(try service.receivePuback().reason.isError, "it is refused")
            }
            try check(hub.log.entries(of: .testGroup(70)).isEmpty, "nothing is stored")
        }
    }

    @Test func withoutAnACL() async throws {
        try await onThread {
            let hub = try makeHub()
            let service = try service(hub, acl: nil)
            try service.publish("group/70", "hi")
            try checkEqual(try service.receivePuback().reason, .notAuthorized)
        }
    }

    /// What is sent while a topic is looked up waits, at every QoS, in both versions.
    @Test(arguments: [ProtocolVersion.v3_1_1, .v5]) func orderIsKept(_ version: ProtocolVersion) async throws {
        try await onThread {
            let hub = try makeHub()
            hub.rights.lookups.close()
            let service = try service(hub, version: version)
            let topics = ["group/70", "group/70", "group/71", "group/70", "group/71"]
            for (number, topic) in topics.enumerated() {
                try service.publish(topic, "\(number)", qos: number == 3 ? .atMostOnce : .atLeastOnce)
            }
            try waitUntil("the topic is looked up") { hub.rights.lookups.waitingCount == 1 }
            try check(hub.log.entries(of: .testGroup(70)).isEmpty, "nothing is stored yet")
            hub.rights.lookups.open()
            for id: UInt16 in [1, 2, 3, 4] { try checkEqual(try service.receivePuback().packetID, id) }
            func texts(_ group: Int64) -> [String] {
                hub.log.entries(of: .testGroup(group)).map {
                    String(String(decoding: $0.suffix, as: UTF8.self).filter(\.isNumber))
                }
            }
            try checkEqual(texts(70), ["0", "1", "3"])
            try checkEqual(texts(71), ["2", "4"])
        }
    }

    /// QoS 2 of a persistent session, held until it is saved: several come at once when the topic is still looked up.
    @Test func orderIsKeptOfWhatWasHeld() async throws {
        try await onThread {
            let hub = try makeHub()
            let service = try TestClient(
                hub, user: 1, id: "s", isClean: false, expirySeconds: 100, acl: Self.acl, scope: "service")
            hub.rights.lookups.close()
            hub.sessions.stateSaves.close()
            for number in 0..<5 { try service.publish("group/70", "\(number)", qos: .exactlyOnce) }
            try waitUntil("the first is saved") { hub.sessions.stateSaves.waitingCount == 1 }
            try hub.settle()
            hub.sessions.stateSaves.open()
            try waitUntil("the topic is looked up") { hub.rights.lookups.waitingCount == 1 }
            try hub.settle()
            hub.rights.lookups.open()
            for id: UInt16 in 1...5 {
                guard case .pubrec(let answer) = try service.next() else {
                    throw CheckFailure(description: "no PUBREC")
                }
                try checkEqual(answer.packetID, id)
                try checkEqual(answer.reason, .success)
            }
            let texts = hub.log.entries(of: .testGroup(70)).map {
                String(String(decoding: $0.suffix, as: UTF8.self).filter(\.isNumber))
            }
            try checkEqual(texts, ["0", "1", "2", "3", "4"])
        }
    }

    /// Its bytes count, though nobody waits for the answer.
    @Test func aCloseRightBehind() async throws {
        try await onThread {
            let hub = try makeHub()
            hub.rights.lookups.close()
            let service = try service(hub)
            try service.publish("group/70", "last words", qos: .atMostOnce)
            try service.sendDisconnect(.success)
            try waitUntil("the topic is looked up") { hub.rights.lookups.waitingCount == 1 }
            hub.rights.lookups.open()
            try service.expectEnd()
            try checkEqual(hub.log.entries(of: .testGroup(70)).count, 1)
        }
    }

    /// A new token without the scope closes what the old one opened.
    @Test func narrowed() async throws {
        try await onThread {
            let hub = try makeHub()
            let service = try TestClient(port: hub.ports[0])
            try service.sendConnect(user: 1, id: "s", acl: Self.acl, scope: "service", hasMethod: true)
            try checkEqual(try service.receiveConnack(), .success)
            try service.publish("group/70", "hi")
            try checkEqual(try service.receivePuback().reason, .success)
            try service.sendAuth(user: 1, acl: Self.acl)
            guard case .auth = try service.next() else { throw CheckFailure(description: "no AUTH") }
            try service.publish("group/70", "hi")
            try checkEqual(try service.receivePuback().reason, .notAuthorized)
        }
    }
}
