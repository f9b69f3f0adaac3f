import MQTT
import Testing

@testable import Broker
@testable import Persistence

/// What is newest, while something is being written and read; and what happens without a database.
@Suite(.serialized) struct RetainedOrderTests {
    @Test func pubackWaitsForTheCommit() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.retained.writes.close()
            let reader = try TestClient(hub, user: nil, id: "r")
            try reader.subscribe("a")
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("a", "1", retain: true)
            try writer.publish("b", "1")
            try checkEqual(try reader.receiveTexts(1), ["a=1"])
            try writer.expectNothing()
            hub.retained.writes.open()
            try checkEqual(try writer.receivePuback().packetID, 1)
            try checkEqual(try writer.receivePuback().packetID, 2)
        }
    }

    /// Many messages to one topic are one row, and each is acknowledged.
    @Test func whatWaitsIsWrittenOnce() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.retained.writes.close()
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("z", "0", retain: true)
            try waitUntil("the first is written") { hub.retained.writes.waitingCount == 1 }
            for number in 1...100 { try writer.publish("a", "\(number)", retain: true) }
            try writer.publish("b", "1", qos: .atMostOnce, retain: true)
            try writer.expectNothing()
            hub.retained.writes.open()
            for number in 1...101 { try checkEqual(try writer.receivePuback().packetID, UInt16(number)) }
            try checkEqual(
                hub.retained.batches.map { $0.map { String(decoding: $0.payload, as: UTF8.self) } },
                [["0"], ["100", "1"]])
        }
    }

    /// QoS 0 and SUBSCRIBE right after it, on the same connection or elsewhere.
    @Test(arguments: [0, 1], ["a", "+", "#"])
    func subscribeWhileItIsWritten(shard: Int, filter: String) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.retain("a", "1")
            try writer.retain("b", "1")
            hub.retained.writes.close()
            try writer.publish("a", "2", qos: .atMostOnce, retain: true)
            try writer.publish("b", "", qos: .atMostOnce, retain: true)
            try writer.publish("c", "2", qos: .atMostOnce, retain: true)
            try writer.expectNothing()
            let reader = shard == 0 ? writer : try TestClient(hub, shard: shard, user: nil, id: "r")
            try reader.subscribe(filter)
            try reader.expectNothing()
            hub.retained.writes.open()
            let expected = filter == "a" ? ["a=2"] : ["a=2", "c=2"]
            try checkEqual(try reader.receiveTexts(expected.count), expected)
            try reader.expectNothing()
        }
    }

    /// What was read is old by the time it arrives.
    @Test(arguments: [false, true])
    func newerThanWhatWasRead(isCommitted: Bool) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let writer = try TestClient(hub, user: nil, id: "w")
            for topic in ["a", "b", "c"] { try writer.retain(topic, "1") }
            hub.retained.reads.close()
            let reader = try TestClient(hub, shard: 1, user: nil, id: "r")
            try reader.subscribe("a", "b", "c")
            try waitUntil("it is read") { hub.retained.reads.waitingCount == 1 }
            if !isCommitted { hub.retained.writes.close() }
            try writer.publish("a", "2", retain: true)
            try writer.publish("b", "", retain: true)
            if isCommitted { for _ in 0..<2 { _ = try writer.receivePuback() } }
            // They came live, so they don't come again.
            try checkEqual(try reader.receiveTexts(2), ["a=2", "b="])
            hub.retained.reads.open()
            try checkEqual(try reader.receiveTexts(1), ["c=1"])
            try reader.expectNothing()
            hub.retained.writes.open()
        }
    }

    /// A publisher and a subscriber that know nothing of each other: once all is quiet, the subscriber has the last message.
    @Test func nothingIsMissedInBetween() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.retain("first", "1")
            let reader = try TestClient(hub, shard: 1, user: nil, id: "r")
            for round in 0..<300 {
                try reader.sendSubscribe(["t\(round)"])
                try writer.publish("t\(round)", "\(round)", qos: .atMostOnce, retain: true)
                var seen: [String] = []
                while seen.isEmpty {
                    switch try reader.skip() {
                    case .suback: continue
                    case .publish: seen.append("\(round)")
                    case let other: throw CheckFailure(description: "\(other)")
                    }
                }
            }
        }
    }

    /// The publisher's shard stands still, so it can't know of the subscription when it goes on.
    @Test func publishedBeforeTheSubscriptionIsKnown() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.retain("first", "1")
            let reader = try TestClient(hub, shard: 1, user: nil, id: "r")
            hub.observed.heldShard.store(0, ordering: .releasing)
            try writer.publish("a", "1", qos: .atMostOnce, retain: true)
            try waitUntil("it stands still") { hub.observed.isHeld.isSet }
            try reader.subscribe("a", "first")
            // Time enough for a read.
            for _ in 0..<100 { try reader.expectNothing() }
            hub.observed.heldShard.store(-1, ordering: .releasing)
            try checkEqual(try reader.receiveTexts(2), ["a=1", "first=1"])
            try reader.expectNothing()
        }
    }

    @Test func theDatabaseIsAwayForAWhile() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.retained.fail(2)
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.retain("a", "1")
            hub.retained.fail(1)
            try writer.subscribe("a")
            try checkEqual(try writer.receiveTexts(1), ["a=1"])
        }
    }

    @Test func theDatabaseRefuses() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.retained.refuse(1)
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("a", "1", retain: true)
            try checkEqual(try writer.receivePuback().reason, .quotaExceeded)
            try writer.retain("a", "2")
            // 3.1.1 can't be told, so it is not acknowledged.
            let old = try TestClient(hub, user: nil, id: "o", version: .v3_1_1)
            hub.retained.refuse(1)
            try old.publish("a", "3", retain: true)
            try waitUntil("it is refused") { hub.hub.retained.isIdle }
            try hub.settle()
            try writer.subscribe("a")
            try checkEqual(try writer.receiveTexts(1), ["a=2"])
        }
    }

    /// One of QoS 2 for which there was no room was not delivered; when its client sends it again, it is.
    @Test func aRefusedOneComesAgain() async throws {
        try await onThread {
            let hub = try TestHub()
            let reader = try TestClient(hub, user: nil, id: "r")
            try reader.subscribe("a", qos: .exactlyOnce)
            let writer = try TestClient(hub, user: nil, id: "w", isClean: false, expirySeconds: 100)
            hub.retained.writes.close()
            var number = 0
            func fill() -> Bool {
                number += 1
                let message = RetainedMessage(topic: Array("full/\(number)".utf8), payload: [1])
                return hub.hub.retained.put(message, shard: 0, token: 0)
            }
            while fill() {}
            try writer.publish("a", "x", qos: .exactlyOnce, retain: true)
            // An error would end the exchange, and the message may come again.
            try checkEqual(try writer.receiveDisconnect(), .serverBusy)
            try reader.expectNothing()
            hub.retained.writes.open()
            try waitUntil("there is room again") { hub.hub.retained.isIdle }
            let back = try TestClient(hub, user: nil, id: "w", isClean: false, expirySeconds: 100)
            try back.publish("a", "x", qos: .exactlyOnce, retain: true)
            guard case .pubrec = try back.next() else { throw CheckFailure(description: "no PUBREC") }
            try checkEqual(try reader.receive().payload, "x")
            try reader.expectNothing()
        }
    }

    /// Two outcomes of one writer: told after the time, stored when the database is back.
    @Test func theDatabaseIsAwayForLong() async throws {
        let hub = try TestHub()
        hub.retained.fail(5)
        var limits = RetainedWriter.Limits()
        limits.unavailableAfter = .zero
        limits.backoffMin = .milliseconds(1)
        let writer = RetainedWriter(
            source: hub.retained, hasAny: false, mailroom: hub.mailroom, logger: hub.hub.services.logger, limits: limits
        )
        #expect(!writer.mayHaveAny)
        let message = RetainedMessage(topic: [1], payload: [1])
        #expect(writer.put(message, shard: 0, token: 1))
        await writer.settled()
        #expect(writer.isIdle && writer.mayHaveAny)
        #expect(hub.retained.batches == [[message]])
        await writer.settled()
    }
}
