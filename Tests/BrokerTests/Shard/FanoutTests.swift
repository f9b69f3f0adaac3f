import MQTT
import Persistence
import Testing
import Topics
import Transport

@testable import Broker

/// Entries for many subscribers, which get them in steps.
@Suite(.serialized) struct FanoutTests {
    private let group = StoredTopic.testGroup(70)

    @Test(arguments: [1, 3, 100]) func everybodyGetsEverythingInOrder(_ step: Int) async throws {
        try await onThread {
            let hub = try TestHub(fanoutStep: step)
            let users = Array(1...Int64(12))
            for user in users { hub.rights.set(user, groups: [TestRights.group(70)]) }
            let clients = try users.map { try TestClient(hub, user: $0, id: "c") }
            for client in clients { try client.subscribe("group/70") }
            hub.mailroom.post(.committed((1...100).map { hub.log.store(group, "\($0)") }), to: 0)
            let gone = clients[5]
            gone.abort()
            let late = try TestClient(hub, user: 3, id: "late")
            try late.subscribe("group/70")
            hub.log.announce(hub.log.store(group, "101"))
            for (index, client) in clients.enumerated() where index != 5 {
                try checkEqual(try client.receiveSeqs(101), Array(1...101))
            }
            try checkEqual(try late.receiveSeqs(1), [101])
        }
    }

    /// A slow subscriber reads the log; the others don't wait.
    @Test func whoHasNoRoomCatchesUp() async throws {
        try await onThread {
            let hub = try TestHub(fanoutStep: 1)
            for user in 1...Int64(4) { hub.rights.set(user, groups: [TestRights.group(70)]) }
            let slow = try TestClient(hub, user: 1, id: "c", receiveMaximum: 1)
            let others = try (2...Int64(4)).map { try TestClient(hub, user: $0, id: "c") }
            for client in [slow] + others { try client.subscribe("group/70") }
            hub.mailroom.post(.committed((1...10).map { hub.log.store(group, "\($0)") }), to: 0)
            for client in others { try checkEqual(try client.receiveSeqs(10), Array(1...10)) }
            try checkEqual(try slow.receiveSeqs(10), Array(1...10))
        }
    }

    @Test func theOldestComesFirst() throws {
        func fanout(_ topicID: Int64, _ count: Int) -> Fanouts.Fanout {
            let entry = LogEntry(
                topic: StoredTopic(id: topicID, address: .group(topicID)), seq: 1, id: 1, senderID: 1, kind: .message,
                suffix: Array("}".utf8))
            return Fanouts.Fanout(
                topicID: topicID, entry: Shard.EncodedEntry(entry, []),
                subscribers: Array(repeating: TopicState.Subscriber(session: 0, cursor: 0), count: count))
        }
        var fanouts = Fanouts()
        #expect(fanouts.next(1) == nil && fanouts.isEmpty)
        for (topicID, count) in [(Int64(1), 5), (2, 1), (1, 2)] { fanouts.append(fanout(topicID, count)) }
        #expect(fanouts.count == 3 && fanouts.isUnderWay(1) && fanouts.isUnderWay(2) && !fanouts.isUnderWay(3))
        var steps: [String] = []
        while let (fanout, range) = fanouts.next(3) { steps.append("\(fanout.topicID) \(range)") }
        #expect(steps == ["1 0..<3", "1 3..<5", "2 0..<1", "1 0..<2"])
        #expect(fanouts.isEmpty && !fanouts.isUnderWay(1))
    }
}
