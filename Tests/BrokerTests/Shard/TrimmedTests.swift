import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// Readers whose place in a log is gone: they are told, then it goes on.
@Suite struct TrimmedTests {
    private let group = StoredTopic.testGroup(70)

    /// What a client got: the seq of an entry, or `after-first` of a notice.
    private func label(_ delivery: TestClient.Delivery) -> String {
        guard delivery.payload.contains("history_trimmed") else { return "\(delivery.seq)" }
        let numbers = delivery.payload.split(separator: "\"body\":")[1].split { !$0.isNumber }
        return numbers.joined(separator: "-")
    }

    private func store(_ hub: TestHub, _ seqs: ClosedRange<Int>, trimmedTo first: Int64 = 1) {
        for number in seqs { _ = hub.log.store(group, "\(number)") }
        trim(hub, to: first, lastSeq: Int64(seqs.upperBound))
    }

    private func trim(_ hub: TestHub, to first: Int64, lastSeq: Int64) {
        hub.log.remove(group, upTo: first - 1)
        hub.mailroom.trimmed(70, firstSeq: first)
        for user in [Int64(1), 2] {
            hub.rights.set(user, groups: [TestRights.group(70, lastSeq: lastSeq, firstSeq: first)])
        }
    }

    private func session(_ hub: TestHub, shard: Int = 0, receiveMaximum: UInt16 = 65_535) throws -> TestClient {
        try TestClient(
            hub, shard: shard, user: 1, id: "s", isClean: false, expirySeconds: 100, receiveMaximum: receiveMaximum)
    }

    /// A session that has the first three entries and went away.
    private func absent(_ hub: TestHub, _ qos: QoS) throws {
        trim(hub, to: 1, lastSeq: 0)
        let reader = try session(hub)
        try reader.subscribe("group/70", qos: qos)
        for number in 1...3 { hub.log.announce(hub.log.store(group, "\(number)")) }
        try reader.complete(try reader.receive(3))
        try reader.disconnect()
    }

    @Test(arguments: [QoS.atMostOnce, .atLeastOnce, .exactlyOnce])
    func anAbsentSessionIsTold(_ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            try absent(hub, qos)
            store(hub, 4...20, trimmedTo: 15)
            let back = try session(hub, shard: 1)
            let got = try back.receive(7)
            try checkEqual(got.map(label), ["3-15", "15", "16", "17", "18", "19", "20"])
            let notice = got[0]
            try checkEqual(notice.qos, qos)
            try checkEqual(notice.topic, "group/70")
            try check(!notice.isRepeated && !notice.retain, "it is new")
            try checkEqual(notice.properties.contentType, Array("application/json".utf8))
            try check(notice.properties.userProperties.isEmpty, "it has no seq and no sender")
            let sentAt = notice.payload.split(separator: "\"")[11]
            try checkEqual(
                notice.payload,
                #"{"type":"history_trimmed","topic":"group/70","sent_at":"\#(sentAt)","body":{"after":3,"first_seq":15}}"#
            )
            try back.complete(got)
            try back.disconnect()
            try session(hub).expectNothing()
        }
    }

    /// It is told again, under the same identifier, until it is acknowledged; then no more.
    @Test(arguments: [QoS.atLeastOnce, .exactlyOnce]) func toldUntilItIsAcknowledged(_ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            try absent(hub, qos)
            store(hub, 4...6, trimmedTo: 6)
            var identifiers: Set<UInt16> = []
            for round in 0..<3 {
                let back = try session(hub, shard: round % 2)
                let got = try back.receive(2)
                try checkEqual(got.map(label), ["3-6", "6"])
                try checkEqual(got.map(\.isRepeated), [round > 0, round > 0])
                identifiers.insert(got[0].packetID)
                if round == 2 { try back.complete([got[0]]) }
                try back.expectNothing()
                back.cut()
            }
            try checkEqual(identifiers.count, 1)
            let last = try session(hub)
            try checkEqual(label(try last.receive()), "6")
            try last.expectNothing()
        }
    }

    /// More may have gone until the client comes again.
    @Test(arguments: [QoS.atLeastOnce, .exactlyOnce]) func trimmedFurther(_ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub()
            try absent(hub, qos)
            store(hub, 4...9, trimmedTo: 6)
            let back = try session(hub)
            try checkEqual(try back.receive(5).map(label), ["3-6", "6", "7", "8", "9"])
            back.cut()
            trim(hub, to: 8, lastSeq: 9)
            let again = try session(hub)
            let got = try again.receive(3)
            try checkEqual(got.map(label), ["3-8", "8", "9"])
            try checkEqual(got.map(\.isRepeated), [false, true, true])
            again.cut()
            let last = try session(hub)
            let repeated = try last.receive(3)
            try checkEqual(repeated.map(label), ["3-8", "8", "9"])
            try checkEqual(Set(repeated.map(\.packetID)), Set(got.map(\.packetID)))
            try last.complete(repeated)
            try last.disconnect()
            try session(hub).expectNothing()
        }
    }

    /// What was in flight is gone: it counts as missed, though the client may have got it, and others may have been acknowledged behind it.
    /// Each: which of 4 to 8 were acknowledged, and the first that is left.
    @Test(
        arguments: [
            ([], 5), ([], 6), ([], 9), ([5], 6), ([5], 5), ([5, 7], 8), ([6, 8], 9), ([5, 6], 7),
        ] as [([Int64], Int64)], [QoS.atLeastOnce, .exactlyOnce])
    func inFlightIsGone(_ sample: (acknowledged: [Int64], first: Int64), _ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub()
            try absent(hub, qos)
            store(hub, 4...8)
            let reader = try session(hub)
            let inFlight = try reader.receive(5)
            try reader.complete(inFlight.filter { sample.acknowledged.contains($0.seq) })
            try reader.expectNothing()
            reader.cut()
            trim(hub, to: sample.first, lastSeq: 8)
            let left = (4...8 as ClosedRange<Int64>).filter { $0 >= sample.first && !sample.acknowledged.contains($0) }
            for round in 0..<2 {
                let back = try session(hub)
                let got = try back.receive(1 + left.count)
                try checkEqual(got.map(label), ["3-\(sample.first)"] + left.map { "\($0)" })
                if round == 1 { try back.complete(got) }
                try back.expectNothing()
                back.cut()
            }
            try session(hub).expectNothing()
        }
    }

    @Test(arguments: [QoS.atMostOnce, .atLeastOnce, .exactlyOnce]) func replays(_ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub()
            store(hub, 1...9, trimmedTo: 7)
            for (after, expected) in [
                (0, ["0-7", "7", "8", "9"]), (5, ["5-7", "7", "8", "9"]), (6, ["7", "8", "9"]), (8, ["9"]), (99, []),
            ] {
                let reader = try TestClient(hub, user: 2, id: "r")
                let suback = try reader.subscribe("group/70", qos: qos, properties: [UserProperty("after", "\(after)")])
                try checkEqual(
                    suback.properties.userProperties,
                    [UserProperty("last_seq", "group/70=9"), UserProperty("first_seq", "group/70=7")])
                try checkEqual(try reader.receive(expected.count).map(label), expected)
                try reader.expectNothing()
            }
        }
    }

    @Test func allIsGone() async throws {
        try await onThread {
            let hub = try TestHub()
            try absent(hub, .atLeastOnce)
            store(hub, 4...9, trimmedTo: 10)
            let back = try session(hub)
            let notice = try back.receive(1)
            try checkEqual(notice.map(label), ["3-10"])
            try back.complete(notice)
            hub.log.announce(hub.log.store(group, "10"))
            try checkEqual(try back.receiveSeqs(1), [10])
            try back.disconnect()
            hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 10, firstSeq: 10)])
            try session(hub).expectNothing()
        }
    }

    /// A reader that is connected, but slow; the notice takes its place in the window.
    @Test func aSlowReaderIsTold() async throws {
        try await onThread {
            let hub = try TestHub()
            trim(hub, to: 1, lastSeq: 0)
            let reader = try session(hub, receiveMaximum: 1)
            try reader.subscribe("group/70")
            for number in 1...300 { hub.log.announce(hub.log.store(group, "\(number)")) }
            try hub.settle()
            trim(hub, to: 151, lastSeq: 300)
            var labels: [String] = []
            for _ in 0..<152 {
                let delivery = try reader.receive()
                labels.append(label(delivery))
                try reader.expectNothing()
                try reader.acknowledge(delivery.packetID)
            }
            try checkEqual(labels, ["1", "1-151"] + (151...300).map { "\($0)" })
        }
    }

    /// Several topics, all with something in flight that is gone.
    @Test func manyTopics() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let groups = Array(Int64(100)..<130)
            hub.rights.set(1, groups: groups.map { TestRights.group($0) })
            let reader = try session(hub)
            try reader.subscribe("group/+")
            for _ in 1...4 { for id in groups { hub.log.announce(hub.log.store(.testGroup(id), "x")) } }
            _ = try reader.receive(4 * groups.count)
            reader.cut()
            for id in groups { hub.log.remove(.testGroup(id), upTo: 2) }
            hub.rights.set(1, groups: groups.map { TestRights.group($0, lastSeq: 4, firstSeq: 3) })
            let back = try session(hub, shard: 1, receiveMaximum: 7)
            var labels: [String: [String]] = [:]
            for _ in 0..<3 * groups.count {
                let delivery = try back.receive()
                labels[delivery.topic, default: []].append(label(delivery))
                try back.complete([delivery])
            }
            try check(labels.count == 30 && labels.values.allSatisfy { $0 == ["0-3", "3", "4"] }, "\(labels)")
            try back.expectNothing()
        }
    }

    /// Logs of filters have no envelopes: what is gone is gone.
    @Test(arguments: [QoS.atLeastOnce, .exactlyOnce]) func logsOfFilters(_ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub()
            func session() throws -> TestClient {
                try TestClient(hub, user: nil, id: "p", isClean: false, expirySeconds: 100)
            }
            let reader = try session()
            try reader.subscribe("a/#", qos: qos)
            let writer = try TestClient(hub, user: nil, id: "w")
            for number in 1...6 { try writer.publish("a/\(number)", "\(number)", qos: qos) }
            for _ in 1...6 { _ = try writer.next() }
            _ = try reader.receive(6)
            reader.cut()
            let log = try #require(hub.filterLogs.existing(Array("a/#".utf8)))
            hub.log.remove(log.topic, upTo: 4)
            for _ in 0..<2 {
                let back = try session()
                try checkEqual(try back.receive(2).map(\.payload), ["5", "6"])
                try back.expectNothing()
                back.cut()
            }
            hub.log.remove(log.topic, upTo: 6)
            let back = try session()
            try back.expectNothing()
            try writer.publish("a/7", "7", qos: qos)
            try checkEqual(try back.receive().payload, "7")
        }
    }

    /// An answer to an entry that is gone is refused, also where the shard heard of the loss before it knew the topic.
    @Test(arguments: [true, false]) func repliesNeedTheirEntry(_ isKnown: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            for number in 1...5 { _ = hub.log.store(group, "\(number)") }
            hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 5)])
            if !isKnown { hub.mailroom.trimmed(70, firstSeq: 4) }
            let writer = try TestClient(hub, user: 1)
            if isKnown { hub.mailroom.trimmed(70, firstSeq: 4) }
            try hub.settle()
            for (seq, reason) in [(3, ReasonCode.payloadFormatInvalid), (4, .success), (5, .success)] {
                try writer.publish("group/70", #"{"text":"x","reply_to":\#(seq)}"#)
                try checkEqual(try writer.receivePuback().reason, reason)
            }
        }
    }

    /// Entries that were never announced, and are gone when they are looked for: members connect again, since their rights may have
    /// changed; then they are told.
    @Test func goneBeforeTheyWereAnnounced() async throws {
        try await onThread {
            let hub = try TestHub()
            try absent(hub, .atLeastOnce)
            hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 3)])
            let reader = try session(hub)
            for _ in 4...5 { _ = hub.log.store(group, "not announced") }
            let last = hub.log.store(group, "6")
            trim(hub, to: 6, lastSeq: 6)
            hub.log.announce(last)
            try checkEqual(try reader.receiveDisconnect(), .serverBusy)
            let back = try session(hub)
            try checkEqual(try back.receive(2).map(label), ["3-6", "6"])
        }
    }

    /// The same in the log of a filter, whose readers need not go.
    @Test func goneBeforeTheyWereAnnouncedInALogOfAFilter() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try TestClient(hub, user: nil, id: "p", isClean: false, expirySeconds: 100)
            try reader.subscribe("a")
            let writer = try TestClient(hub, user: nil, id: "w")
            hub.log.hold()
            for number in 1...3 { try writer.publish("a", "\(number)") }
            try waitUntil("they are queued") { hub.log.heldCount == 3 }
            let held = hub.log.takeHeld(), entries = held.map { hub.log.store($0.append) }
            hub.log.remove(entries[0].topic, upTo: 2)
            for place in 0..<2 {
                hub.log.refuse(held[place], .committed(seq: entries[place].seq, id: entries[place].id))
            }
            hub.log.finish(held[2], entries[2])
            for _ in 1...3 { _ = try writer.receivePuback() }
            try checkEqual(try reader.receive().payload, "3")
            hub.log.release()
            try writer.publish("a", "4")
            _ = try writer.receivePuback()
            try checkEqual(try reader.receive().payload, "4")
        }
    }
}
