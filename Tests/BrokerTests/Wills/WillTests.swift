import Diagnostics
import Identity
import MQTT
import Testing
import Topics

@testable import Broker
@testable import Persistence

/// When a will is sent, when it waits, and when it is forgotten (MQTT 5 §3.1.2.5, §3.1.3.2).
@Suite(.serialized) struct WillTests {
    static func will(
        _ topic: String = "w", delay: UInt32 = 0, payload: String = "gone", qos: QoS = .atLeastOnce
    ) -> Will {
        var will = Will(topic: Array(topic.utf8), payload: Array(payload.utf8), qos: qos, retain: false)
        will.delaySeconds = delay
        return will
    }

    /// A hub, and somebody who listens on the second shard.
    private func makeHub(wills: TestWills = TestWills()) throws -> (hub: TestHub, reader: TestClient) {
        let hub = try TestHub(shards: 2, wills: wills)
        let reader = try TestClient(hub, shard: 1, user: nil, id: "reader")
        try reader.subscribe("#")
        return (hub, reader)
    }

    /// Nothing came, and nothing will: the hub holds no wills any more.
    private func expectNone(_ hub: TestHub, _ reader: TestClient, line: Int = #line) throws {
        try waitUntil("all wills are gone", line: line) { hub.wills.isEmpty }
        for shard in hub.ports.indices { try hub.settle(shard) }
        try reader.expectNothing(line: line)
    }

    private func expectWill(_ hub: TestHub, _ reader: TestClient, _ text: String = "gone", line: Int = #line) throws {
        let delivery = try reader.receive(line: line)
        try checkEqual(delivery.topic, "w", line: line)
        try checkEqual(delivery.payload, text, line: line)
        try checkEqual(delivery.qos, .atLeastOnce, line: line)
        try reader.acknowledge(delivery.packetID)
    }

    // MARK: Ends

    enum End: CaseIterable {
        case cut, normal, withWill, error, violation, takenOver, loggedOut, stopped
    }

    /// A normal DISCONNECT alone takes the will away [MQTT-3.14.4-3]; every other end publishes it.
    @Test(arguments: End.allCases, [ProtocolVersion.v3_1, .v3_1_1, .v5])
    func everyEnd(_ end: End, _ version: ProtocolVersion) async throws {
        // 3.x has no reasons.
        if version != .v5, end == .withWill || end == .error { return }
        try await onThread {
            let (hub, reader) = try makeHub()
            hub.rights.set(1)
            let acl = AccessList(publish: ["w"])
            let client = try TestClient(
                hub, user: 1, version: version, loginSession: 5, acl: acl, will: Self.will())
            try checkEqual(hub.wills.all.count, 1, "the will is kept before CONNACK")
            switch end {
            case .cut: client.cut()
            case .normal: try client.disconnect()
            case .withWill: try client.sendDisconnect(.disconnectWithWillMessage)
            case .error: try client.sendDisconnect(.unspecifiedError)
            case .violation: try client.sendConnect(user: 1, id: "c")
            case .takenOver:
                let next = try TestClient(hub, shard: 1, user: 1, version: version)
                try next.disconnect()
            case .loggedOut: hub.mailroom.sessionRevoked(5)
            case .stopped: hub.mailroom.post(.stop, to: 0)
            }
            if end != .normal { try expectWill(hub, reader) }
            try expectNone(hub, reader)
        }
    }

    /// Whoever hears of the end has heard everything before it.
    @Test func theWillComesAfterTheLastPublish() async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            for round in 0..<50 {
                let client = try TestClient(hub, user: nil, id: "c\(round)", will: Self.will())
                try client.publish("w", "last", qos: .atMostOnce)
                client.cut()
                try checkEqual(try reader.receive().payload, "last")
                try expectWill(hub, reader)
            }
        }
    }

    @Test func connackWaitsForTheTable() async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            hub.wills.connects.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: nil, id: "c", will: Self.will())
            try waitUntil("the will is written") { hub.wills.connects.waitingCount == 1 }
            // Who is gone before that was connected all the same: nobody would hear of its end otherwise.
            client.cut()
            hub.wills.connects.open()
            try expectWill(hub, reader)
            try expectNone(hub, reader)
        }
    }

    /// Who was told that it is not connected has no will.
    @Test func theRefusedHaveNone() async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            hub.wills.connects.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: nil, id: "c", will: Self.will())
            try waitUntil("the will is written") { hub.wills.connects.waitingCount == 1 }
            let next = try TestClient(port: hub.ports[1])
            try next.sendConnect(user: nil, id: "c", will: Self.will(payload: "next"))
            try checkEqual(try client.receiveConnack(), .unspecifiedError)
            hub.wills.connects.open()
            try checkEqual(try next.receiveConnack(), .success)
            next.cut()
            try expectWill(hub, reader, "next")
            try expectNone(hub, reader)
        }
    }

    /// Whom the stop of the hub finds in the middle of its CONNECT.
    @Test func theStopRefusesWhoWaits() async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            hub.wills.connects.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: nil, id: "c", will: Self.will())
            try waitUntil("the will is written") { hub.wills.connects.waitingCount == 1 }
            hub.mailroom.post(.stop, to: 0)
            // 0x8B is no code of CONNACK (MQTT 5 §3.2.2.2).
            try checkEqual(try client.receiveConnack(), .serverUnavailable)
            hub.wills.connects.open()
            try waitUntil("the will was kept, and is dropped") { hub.wills.recordCount == 1 }
            try expectNone(hub, reader)
        }
    }

    // MARK: Delays

    struct Delay {
        var delay: UInt32
        var expiry: UInt32
        /// In a DISCONNECT with will.
        var newExpiry: UInt32?
        /// 0: at once.
        var dueAfter: Int64
    }

    /// After the delay, or with the session's end, whichever is first.
    @Test(arguments: [
        Delay(delay: 0, expiry: 100, dueAfter: 0), Delay(delay: 60, expiry: 0, dueAfter: 0),
        Delay(delay: 60, expiry: 100, dueAfter: 60), Delay(delay: 100, expiry: 60, dueAfter: 60),
        Delay(delay: .max, expiry: .max, dueAfter: Int64(Limits.sessionExpirySecondsMax)),
        Delay(delay: 60, expiry: 100, newExpiry: 30, dueAfter: 30),
        Delay(delay: 60, expiry: 30, newExpiry: 100, dueAfter: 60),
        Delay(delay: 60, expiry: 100, newExpiry: 0, dueAfter: 0),
    ])
    func dueMoments(_ case: Delay) async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            let client = try TestClient(
                hub, user: nil, isClean: false, expirySeconds: `case`.expiry, will: Self.will(delay: `case`.delay))
            if let expiry = `case`.newExpiry {
                try client.sendDisconnect(.disconnectWithWillMessage, expirySeconds: expiry)
            } else {
                client.cut()
            }
            if `case`.dueAfter > 0 {
                try waitUntil("the end is recorded") { hub.wills.all.first?.dueAt != nil }
                let wait = hub.wills.all[0].dueAt! - hub.clock.milliseconds
                try check(wait <= `case`.dueAfter * 1000 && wait > `case`.dueAfter * 1000 - 10_000, "in \(wait) ms")
                hub.clock.advance(seconds: `case`.dueAfter - 10)
                hub.hub.runWills()
                try waitUntil("it was looked for") { hub.hub.wills.isIdle(now: hub.clock.milliseconds) }
                try reader.expectNothing()
                hub.clock.advance(seconds: 11)
            }
            try expectWill(hub, reader)
            try expectNone(hub, reader)
        }
    }

    struct Return {
        var delay: UInt32
        var isClean: Bool
        /// The first connection still stands.
        var takesOver: Bool
        var isSent: Bool
    }

    /// A connection that goes on with the session cancels a delay [MQTT-3.1.3-9]; one that doesn't ends it.
    @Test(
        arguments: [
            Return(delay: 60, isClean: false, takesOver: false, isSent: false),
            Return(delay: 60, isClean: true, takesOver: false, isSent: true),
            Return(delay: 60, isClean: false, takesOver: true, isSent: false),
            Return(delay: 60, isClean: true, takesOver: true, isSent: true),
            Return(delay: 0, isClean: false, takesOver: true, isSent: true),
            Return(delay: 0, isClean: true, takesOver: true, isSent: true),
        ], [false, true])
    func comingBack(_ case: Return, _ hasWillAgain: Bool) async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            let client = try TestClient(
                hub, user: nil, isClean: false, expirySeconds: 100, will: Self.will(delay: `case`.delay))
            if !`case`.takesOver {
                client.cut()
                try waitUntil("the end is recorded") { hub.wills.all.first?.dueAt != nil }
            }
            let next = try TestClient(
                hub, shard: 1, user: nil, isClean: `case`.isClean, expirySeconds: 100,
                will: hasWillAgain ? Self.will(delay: 60, payload: "again") : nil)
            try checkEqual(next.sessionPresent, !`case`.isClean)
            if `case`.isSent { try expectWill(hub, reader) }
            try waitUntil("one is left") { hub.wills.all.count == (hasWillAgain ? 1 : 0) }
            hub.clock.advance(seconds: 61)
            try next.disconnect()
            try expectNone(hub, reader)
        }
    }

    /// A delay that has run out is not cancelled any more.
    @Test func tooLateToCancel() async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            let client = try TestClient(
                hub, user: nil, isClean: false, expirySeconds: 100, will: Self.will(delay: 60))
            client.cut()
            try waitUntil("the end is recorded") { hub.wills.all.first?.dueAt != nil }
            hub.clock.advance(seconds: 60)
            let next = try TestClient(hub, user: nil, isClean: false, expirySeconds: 100)
            try check(next.sessionPresent, "session present")
            try expectWill(hub, reader)
        }
    }

    // MARK: The database

    /// What a process before this one left is sent, when it is due.
    @Test func anEarlierHubsWills() async throws {
        try await onThread {
            let wills = TestWills(), now = SystemClock.wallMilliseconds()
            for (id, due) in [(Int64(1), now + 60_000), (2, now + 30_000)] {
                let will = StoredWill(
                    Self.will(payload: "\(id)"), id: id, key: SessionKey(userID: 0, clientID: [UInt8(id)]),
                    sessionSeconds: 100, rules: nil)
                wills.add(will, dueAt: due)
            }
            let (hub, reader) = try makeHub(wills: wills)
            for id in ["2", "1"] {
                hub.clock.advance(seconds: 31)
                try expectWill(hub, reader, id)
            }
            try expectNone(hub, reader)
        }
    }

    /// While the table can't be written, wills wait, and nobody is connected who has or might have one.
    @Test func theDatabaseIsAway() async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            let clients = try (0..<3).map { try TestClient(hub, user: nil, id: "c\($0)", will: Self.will()) }
            hub.wills.setAway(true)
            clients[0].cut()
            try waitUntil("a write was tried") { hub.wills.recordCount == 1 }
            try clients[1].disconnect()
            for will in [Self.will(), nil] {
                let client = try TestClient(port: hub.ports[0])
                try client.sendConnect(user: nil, id: "c0", isClean: false, expirySeconds: 100, will: will)
                try checkEqual(try client.receiveConnack(), .serverUnavailable)
            }
            hub.wills.setAway(false)
            hub.clock.advance(seconds: 2)
            try expectWill(hub, reader)
            try waitUntil("one is left") { hub.wills.all.count == 1 }
            try clients[2].disconnect()
            try expectNone(hub, reader)
        }
    }

    @Test func theEndOfManyAtOnce() async throws {
        try await onThread {
            let (hub, reader) = try makeHub()
            let clients = try (0..<300).map { number in
                try TestClient(
                    hub, shard: number % 2, user: nil, id: "c\(number)", will: Self.will(payload: "\(number)"))
            }
            for client in clients { client.cut() }
            var seen: Set<String> = []
            for _ in clients {
                let delivery = try reader.receive()
                try reader.acknowledge(delivery.packetID)
                seen.insert(delivery.payload)
            }
            try checkEqual(seen.count, clients.count)
            try expectNone(hub, reader)
        }
    }
}
