import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// Stored topics: commit, then acknowledge and deliver, in the order of the log.
@Suite(.serialized) struct DeliveryTests {
    private let group = StoredTopic.testGroup(70)

    private func hubWithMembers(shards: Int = 1, lastSeq: Int64 = 0) throws -> TestHub {
        let hub = try TestHub(shards: shards)
        for user in [Int64(1), 2, 3] { hub.rights.set(user, groups: [TestRights.group(70, lastSeq: lastSeq)]) }
        return hub
    }

    @Test(arguments: [ProtocolVersion.v3_1_1, .v5]) func nothingBeforeTheCommit(_ version: ProtocolVersion) async throws
    {
        try await onThread {
            let hub = try hubWithMembers()
            let reader = try TestClient(hub, user: 1, id: "r", version: version)
            try reader.subscribe("group/70")
            let writer = try TestClient(hub, user: 2, id: "w", version: version)
            hub.log.hold()
            let first = try writer.publish("group/70", "one"), second = try writer.publish("group/70", "two")
            try waitUntil("both are queued") { hub.log.heldCount == 2 }
            try hub.settle()
            try reader.expectNothing()
            try writer.expectNothing()
            hub.log.release()
            try checkEqual(try writer.receivePuback().packetID, first)
            try checkEqual(try writer.receivePuback().packetID, second)
            try checkEqual(try reader.receiveSeqs(2), [1, 2])
        }
    }

    /// [MQTT-4.6.0-2]: answers come in the order of the publishes, whatever the order of their fates.
    @Test func acknowledgementsKeepTheirOrder() async throws {
        try await onThread {
            let hub = try hubWithMembers()
            let writer = try TestClient(hub, user: 2)
            hub.log.hold()
            let ids = try (0..<4).map { try writer.publish("group/70", "\($0)") }
            let refused = try writer.publish("group/71", "no member")
            try waitUntil("all are queued") { hub.log.heldCount == 4 }
            let held = hub.log.takeHeld()
            let entries = held.map { hub.log.store($0.append) }
            hub.log.refuse(held[1], .unavailable)
            for index in [3, 2] { hub.log.finish(held[index], entries[index]) }
            try hub.settle()
            try writer.expectNothing()
            hub.log.finish(held[0], entries[0])
            let answers = try (0..<5).map { _ in try writer.receivePuback() }
            try checkEqual(answers.map(\.packetID), ids + [refused])
            try checkEqual(answers.map(\.reason), [.success, .quotaExceeded, .success, .success, .notAuthorized])
        }
    }

    /// A connection to the database may break between a commit and its announcement.
    @Test func anEntryThatIsNeverAnnouncedIsRead() async throws {
        try await onThread {
            let hub = try hubWithMembers()
            let reader = try TestClient(hub, user: 1)
            try reader.subscribe("group/70")
            let writer = try TestClient(hub, user: 2)
            hub.log.hold()
            for text in ["never announced", "announced"] { _ = try writer.publish("group/70", text) }
            try waitUntil("both are queued") { hub.log.heldCount == 2 }
            let held = hub.log.takeHeld()
            let entries = held.map { hub.log.store($0.append) }
            hub.log.finish(held[1], entries[1])
            try checkEqual(try reader.receiveSeqs(2), [1, 2])
        }
    }

    @Test(arguments: [[2, 1, 3], [3, 2, 1], [3, 1, 2], [1, 3, 2], [2, 3, 1]])
    func announcementsOutOfOrder(_ order: [Int]) async throws {
        try await onThread {
            let hub = try hubWithMembers()
            let reader = try TestClient(hub, user: 1)
            try reader.subscribe("group/+")
            let entries = (1...3).map { hub.log.store(group, "\($0)") }
            for place in order { hub.log.announce(entries[place - 1], entries[place - 1]) }
            try checkEqual(try reader.receiveSeqs(3), [1, 2, 3])
            try reader.expectNothing()
        }
    }

    @Test func catchUpMeetsLiveEntries() async throws {
        try await onThread {
            let hub = try hubWithMembers(lastSeq: 250)
            for number in 1...250 { _ = hub.log.store(group, "\(number)") }
            let reader = try TestClient(hub, user: 1)
            hub.log.reads.close()
            try reader.subscribe("group/70", properties: [UserProperty("after", "0")])
            for round in 0..<3 {
                // Live entries come while the session waits for the log.
                try waitUntil("a read") { hub.log.reads.waitingCount == 1 }
                for number in 0..<20 { hub.log.announce(hub.log.store(group, "live \(round) \(number)")) }
                try hub.settle()
                hub.log.reads.letThrough()
            }
            hub.log.reads.open()
            try checkEqual(try reader.receiveSeqs(310), Array(1...310))
            hub.log.announce(hub.log.store(group, "last"))
            try checkEqual(try reader.receiveSeqs(1), [311])
            try reader.expectNothing()
        }
    }

    @Test func fullWindowThenAcknowledgements() async throws {
        try await onThread {
            let hub = try hubWithMembers()
            let reader = try TestClient(hub, user: 1, receiveMaximum: 3)
            try reader.subscribe("group/70")
            for number in 1...300 { hub.log.announce(hub.log.store(group, "\(number)")) }
            var waiting: [TestClient.Delivery] = []
            for _ in 0..<3 { waiting.append(try reader.receive()) }
            try hub.settle()
            try reader.expectNothing()
            // Each makes room for one, in whatever order they come; what acknowledges nothing makes none.
            try reader.acknowledge(waiting[1].packetID)
            try reader.acknowledge(waiting[1].packetID)
            try reader.acknowledge(999)
            var seqs = waiting.map(\.seq) + (try reader.receiveSeqs(1, acknowledges: false))
            try reader.expectNothing()
            try reader.acknowledge(waiting[0].packetID)
            try reader.acknowledge(waiting[2].packetID)
            seqs += try reader.receiveSeqs(2, acknowledges: false)
            try reader.expectNothing()
            for packetID in UInt16(4)...6 { try reader.acknowledge(packetID) }
            seqs += try reader.receiveSeqs(294)
            try checkEqual(seqs, Array(1...300))
            // No more is read from the log than the window takes.
            try check(hub.log.readLimits.allSatisfy { $0 <= 3 }, "\(hub.log.readLimits.prefix(5))")
        }
    }

    /// protocol.md §3 "Refusals": 3.1.1 cannot say "not now".
    @Test(arguments: [true, false]) func unavailableLogBlocksPublishersOfVersion3(_ isFull: Bool) async throws {
        try await onThread {
            let hub = try hubWithMembers()
            let writer = try TestClient(hub, user: 2, version: .v3_1_1)
            let other = try TestClient(hub, user: 3, id: "o", version: .v3_1_1)
            if isFull { hub.log.fill(true) } else { hub.log.hold() }
            try writer.publish("group/70", "one")
            if !isFull {
                try waitUntil("it is queued") { hub.log.heldCount == 1 }
                hub.log.refuse(hub.log.takeHeld()[0], .unavailable)
            }
            if isFull { try waitUntil("it found the log full") { hub.log.refusedCount == 1 } }
            try hub.settle()
            hub.log.fill(false)
            hub.log.release()
            // What comes after is not read: it would overtake.
            try writer.publish("group/70", "two")
            try other.publish("group/70", "three")
            _ = try other.receivePuback()
            try other.expectNothing()
            try checkEqual(hub.log.store(group, "next").seq, 2, "one of the other client, none of the blocked")
        }
    }

    /// Who adds to a long queue of commits waits, at any QoS; readers and plain topics don't notice.
    @Test(arguments: [QoS.atMostOnce, .atLeastOnce]) func publishersWaitWhileMuchIsToBeCommitted(
        _ qos: QoS
    ) async throws {
        try await onThread {
            let hub = try hubWithMembers()
            let reader = try TestClient(hub, user: 1)
            try reader.subscribe("group/70")
            let writer = try TestClient(hub, user: 2, id: "w")
            hub.log.hold()
            hub.log.burden(.heavy)
            for number in 1...3 { try writer.publish("group/70", "\(number)", qos: qos) }
            try waitUntil("the first is queued") { hub.log.heldCount == 1 }
            try hub.settle()
            try checkEqual(hub.log.heldCount, 1, "the others are not read")
            // Other clients are served.
            let plain = try TestClient(hub, user: nil, id: "plain")
            try plain.subscribe("a")
            try plain.publish("a", "x", qos: .atMostOnce)
            try checkEqual(try plain.receive().payload, "x")
            // In between nothing changes, or each batch would let all publishers go and hold them again.
            hub.log.burden(.moderate)
            hub.log.release()
            try checkEqual(try reader.receiveSeqs(1), [1])
            try reader.expectNothing()
            hub.log.burden(.light)
            try checkEqual(try reader.receiveSeqs(2), [2, 3])
        }
    }

    /// Nobody knows whether it is stored: the exchange of a persistent session goes on, on another connection.
    @Test(arguments: [true, false]) func unavailableLogEndsNoExchange(_ isFull: Bool) async throws {
        try await onThread {
            let hub = try hubWithMembers()
            func connect() throws -> TestClient {
                try TestClient(hub, user: 2, id: "w", isClean: false, expirySeconds: 100)
            }
            let writer = try connect()
            hub.log.hold()
            hub.log.fill(isFull)
            try writer.publish("group/70", "one", qos: .exactlyOnce)
            var first: Int64?
            if !isFull {
                try waitUntil("it is queued") { hub.log.heldCount == 1 }
                let held = hub.log.takeHeld()[0]
                first = held.append.id
                hub.log.refuse(held, .unavailable)
            }
            try checkEqual(try writer.receiveDisconnect(), .serverBusy)
            hub.log.fill(false)
            let back = try connect()
            try check(back.sessionPresent, "session present")
            try back.publish("group/70", "one", qos: .exactlyOnce)
            try waitUntil("it is queued again") { hub.log.heldCount == 1 }
            let again = hub.log.takeHeld()[0]
            try check(first == nil || first == again.append.id, "the same entry")
            hub.log.finish(again, hub.log.store(again.append))
            guard case .pubrec(let answer) = try back.next() else { throw CheckFailure(description: "no PUBREC") }
            try checkEqual(answer.reason, .success)
        }
    }

    @Test func removedBetweenPublishAndDelivery() async throws {
        try await onThread {
            let hub = try hubWithMembers()
            let reader = try TestClient(hub, user: 1)
            try reader.subscribe("#")
            let writer = try TestClient(hub, user: 2, id: "w")
            hub.log.hold()
            try writer.publish("group/70", "secret")
            try waitUntil("it is queued") { hub.log.heldCount == 1 }
            hub.log.announce(hub.log.store(group, "removed", .memberRemoved(user: 1)))
            hub.log.release()
            _ = try writer.receivePuback()
            try reader.expectNothing()
            // The subscription stays, and covers again from the entry that gives access back.
            hub.log.announce(hub.log.store(group, "added", .memberAdded(user: 1, role: .member, announcement: false)))
            try checkEqual(try reader.receiveSeqs(1), [3])
        }
    }

    @Test func sessionWithASlowLog() async throws {
        try await onThread {
            let hub = try hubWithMembers(lastSeq: 3)
            for number in 1...3 { _ = hub.log.store(group, "\(number)") }
            hub.log.reads.close()
            let slow = try TestClient(hub, user: 1, id: "slow")
            try slow.subscribe("group/70", properties: [UserProperty("after", "0")])
            let quick = try TestClient(hub, user: 2, id: "quick")
            try quick.subscribe("group/70")
            hub.log.announce(hub.log.store(group, "4"))
            try checkEqual(try quick.receiveSeqs(1), [4])
            try slow.expectNothing()
            hub.log.reads.open()
            try checkEqual(try slow.receiveSeqs(4), [1, 2, 3, 4])
        }
    }

    /// The answer of a read that began elsewhere says nothing about the place where the cursor is now.
    @Test func cursorMovesWhileTheLogIsRead() async throws {
        try await onThread {
            let hub = try hubWithMembers(lastSeq: 20)
            for number in 1...20 { _ = hub.log.store(group, "\(number)") }
            let reader = try TestClient(hub, user: 1)
            hub.log.reads.close()
            try reader.subscribe("group/70", properties: [UserProperty("after", "15")])
            try waitUntil("a read") { hub.log.reads.waitingCount == 1 }
            try reader.subscribe("group/70", properties: [UserProperty("after", "3")])
            hub.log.reads.open()
            try checkEqual(try reader.receiveSeqs(17), Array(4...20))
        }
    }
}
