import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// Shared subscriptions of persistent sessions: what is acknowledged waits for members that are away, and outlives the hub.
@Suite(.serialized) struct DurableShareTests {
    private static let shardCounts = [1, 3]
    private static let filter = "$share/g/work/+"

    /// A persistent session that is a member, or becomes one if it is new.
    private func member(
        _ hub: TestHub, _ number: Int, qos: QoS = .atLeastOnce, receiveMaximum: UInt16 = 65_535
    ) throws -> TestClient {
        let client = try TestClient(
            hub, shard: number % hub.ports.count, user: nil, id: "p\(number)", isClean: false, expirySeconds: 100,
            receiveMaximum: receiveMaximum)
        if !client.sessionPresent { try client.subscribe(Self.filter, qos: qos) }
        return client
    }

    private func writer(_ hub: TestHub) throws -> TestClient {
        try TestClient(hub, shard: hub.ports.count - 1, user: nil, id: "writer")
    }

    private func log(_ hub: TestHub) throws -> FilterLog {
        guard let log = hub.filterLogs.existing(Array(Self.filter.utf8)) else {
            throw CheckFailure(description: "no log")
        }
        return log
    }

    /// Who has gone is known to have gone.
    private func settle(_ hub: TestHub) throws {
        for _ in 0..<2 { for shard in hub.ports.indices { try hub.settle(shard) } }
    }

    private func awaitSaved(_ hub: TestHub, floor: Int64) throws {
        try waitUntil("the place in the log is saved") { (try? log(hub).consumption.floor) == floor }
    }

    @Test(arguments: shardCounts, [QoS.atLeastOnce, .exactlyOnce])
    func keptWhileAllAreAway(_ shards: Int, _ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            for number in 0..<2 { try member(hub, number, qos: qos).disconnect() }
            let writer = try writer(hub)
            try writer.publish(0..<400, qos: qos)
            try writer.publish("work/x", "not kept", qos: .atMostOnce)
            try writer.expectNothing()
            try settle(hub)
            let members = try (0..<2).map { try member(hub, $0, receiveMaximum: 4) }
            var taken: [[Int]] = [[], []]
            for _ in 0..<40 { for number in 0..<2 { taken[number] += try members[number].take(4) } }
            for number in 0..<2 { try checkEqual(taken[number], taken[number].sorted(), "in order") }
            // QoS 2 stays its own, so it may not go with some of it under way.
            let last = try members[0].receive(4)
            try members[0].sendUnsubscribe(Self.filter)
            guard case .unsuback = try members[0].next() else { throw CheckFailure(description: "no UNSUBACK") }
            if qos == .exactlyOnce {
                try members[0].complete(last)
                taken[0] += last.map { Int($0.payload)! }
            }
            try members[0].disconnect()
            while taken[0].count + taken[1].count < 400 { taken[1] += try members[1].take(4) }
            try checkEqual(taken.joined().sorted(), Array(0..<400))
            try writer.publish(400..<402, qos: qos)
            try checkEqual(try members[1].take(2), [400, 401])
            try members[1].expectNothing()
        }
    }

    @Test(arguments: shardCounts) func acknowledgedAfterTheCommit(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let member = try member(hub, 0), writer = try writer(hub)
            hub.log.hold()
            let id = try writer.publish("work/x", "1")
            try waitUntil("the log gets it") { hub.log.heldCount == 1 }
            for client in [member, writer] { try client.expectNothing() }
            hub.log.release()
            try checkEqual(try writer.receivePuback().packetID, id)
            try checkEqual(try member.take(1), [1])
        }
    }

    /// What members that went had not acknowledged goes to others, in order; and waits if there are none.
    @Test(arguments: shardCounts) func redistribution(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let members = try (0..<2).map { try member(hub, $0) }, writer = try writer(hub)
            try writer.publish(0..<10, qos: .atLeastOnce)
            let own = try (0..<5).map { _ in Int(try members[0].receive().payload)! }
            let others = try members[1].take(5)
            try checkEqual((own + others).sorted(), Array(0..<10))
            members[0].abort()
            let again = try (0..<5).map { _ in Int(try members[1].receive().payload)! }
            try checkEqual(again, own)
            members[1].abort()
            try writer.publish(10..<12, qos: .atLeastOnce)
            let back = try member(hub, 1)
            try checkEqual(try back.take(7), own + [10, 11])
            try back.expectNothing()
        }
    }

    /// After a crash the members go on where they were; what they were still busy with comes again.
    @Test(arguments: shardCounts) func afterACrash(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let members = try (0..<2).map { try member(hub, $0) }, writer = try writer(hub)
            try writer.publish(0..<20, qos: .atLeastOnce)
            let busy = try members[0].receive()
            let done = try members[1].take(10) + members[0].take(9)
            try checkEqual((done + [Int(busy.payload)!]).sorted(), Array(0..<20))
            let open = Int64(busy.payload)! + 1
            try waitUntil("it is saved") { (try? log(hub).consumption) == Consumption(end: 20, open: [open]) }
            let next = try TestHub(shards: shards, after: hub)
            let back = try member(next, 1)
            try checkEqual(try back.take(1), [Int(busy.payload)!])
            try back.expectNothing()
            try self.writer(next).publish(20..<21, qos: .atLeastOnce)
            try checkEqual(try back.take(1), [20])
        }
    }

    /// A crash before the place is saved makes messages come again, and loses none; also if it can't be saved for a while.
    @Test(arguments: shardCounts) func afterACrashWithoutASave(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            hub.filterLogs.saves.close()
            let member = try member(hub, 0), writer = try writer(hub)
            try writer.publish(0..<10, qos: .atLeastOnce)
            try checkEqual(try member.take(6), Array(0..<6))
            let next = try TestHub(shards: shards, after: hub)
            try checkEqual(try self.member(next, 0).take(10), Array(0..<10))
            hub.filterLogs.saves.open()
            _ = try member.take(4)
            try awaitSaved(hub, floor: 10)
        }
    }

    /// QoS 2: from the first PUBLISH on a message is its member's own, through a crash too [MQTT-4.8.2-4] [MQTT-4.8.2-5].
    @Test(arguments: shardCounts, [false, true]) func exactlyOnceStaysWithItsMember(
        _ shards: Int, _ crashes: Bool
    ) async throws {
        try await onThread {
            var hub = try TestHub(shards: shards)
            let first = try member(hub, 0, qos: .exactlyOnce)
            try writer(hub).publish(0..<3, qos: .exactlyOnce)
            let sent = try (0..<3).map { _ in try first.receive() }
            // The client has the second one, and the hub knows.
            try first.answer(.pubrec, sent[1].packetID)
            guard case .pubrel = try first.next() else { throw CheckFailure(description: "no PUBREL") }
            if crashes { hub = try TestHub(shards: shards, after: hub) } else { first.abort() }
            let second = try member(hub, 1, qos: .exactlyOnce)
            try writer(hub).publish(3..<4, qos: .exactlyOnce)
            try checkEqual(try second.take(1), [3])
            try second.expectNothing()
            let back = try member(hub, 0)
            guard case .pubrel(let pubrel) = try back.next() else { throw CheckFailure(description: "no PUBREL") }
            try checkEqual(pubrel.packetID, sent[1].packetID)
            try back.answer(.pubcomp, pubrel.packetID)
            let again = [try back.receive(), try back.receive()]
            try checkEqual(again.map(\.packetID), [sent[0].packetID, sent[2].packetID])
            try checkEqual(again.map(\.isRepeated), [true, true])
            try back.complete(again)
            try back.expectNothing()
            try awaitSaved(hub, floor: 4)
        }
    }

    /// What was never sent, since the session could not be saved, goes to another.
    @Test(arguments: shardCounts) func exactlyOnceThatIsNotSaved(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let first = try member(hub, 0, qos: .exactlyOnce)
            hub.sessions.stateSaves.close()
            try writer(hub).publish(0..<3, qos: .exactlyOnce)
            try waitUntil("the deliveries are to be saved") { hub.sessions.stateSaves.waitingCount == 1 }
            try first.expectNothing()
            first.abort()
            let other = try TestClient(hub, shard: shards - 1, user: nil, id: "other")
            try other.subscribe(Self.filter, qos: .exactlyOnce)
            try checkEqual(try other.take(3), [0, 1, 2])
            hub.sessions.stateSaves.open()
            try member(hub, 0).expectNothing()
        }
    }

    /// Nothing is read while nobody is there, and then no more than the members have room for.
    @Test(arguments: shardCounts) func memoryIsBounded(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            try member(hub, 0).disconnect()
            try settle(hub)
            let log = try log(hub)
            for page in 0..<100 {
                let entries = (0..<1_000).map { number in
                    let message = PlainMessage(
                        topic: Array("work/x".utf8), payload: Array("\(page * 1_000 + number)".utf8), qos: .atLeastOnce,
                        retain: false, forwarded: [])
                    let id = hub.hub.services.ids.next()
                    return hub.log.store(
                        Append(
                            topic: log.topic, id: id, senderID: 0, kind: .plain, key: IdempotencyKey(entryID: id),
                            suffix: PlainEntry.encode(message, hasCopies: false)))
                }
                hub.mailroom.committed(entries)
            }
            try settle(hub)
            try check(hub.log.readLimits.isEmpty, "nothing is read")
            let back = try member(hub, 0, receiveMaximum: 100)
            for round in 0..<20 {
                try checkEqual(try back.take(100), Array(round * 100..<round * 100 + 100))
                let readCount = hub.log.readLimits.reduce(0, +)
                try check(readCount <= (round + 2) * 100 + Limits.shareAheadMax + 100, "\(readCount) are read")
            }
        }
    }

    /// One source for all members: who ends with the connection gets what waits, too.
    @Test(arguments: shardCounts, [QoS.atMostOnce, .atLeastOnce])
    func othersAreServedFromTheLog(_ shards: Int, _ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            try member(hub, 0).disconnect()
            let writer = try writer(hub)
            try writer.publish(0..<300, qos: .atLeastOnce)
            let other = try TestClient(hub, shard: shards - 1, user: nil, id: "other")
            try other.subscribe(Self.filter, qos: qos)
            for start in stride(from: 0, to: 300, by: 100) {
                try checkEqual(try other.take(100), Array(start..<start + 100))
            }
            try writer.publish(300..<301, qos: .atMostOnce)
            try checkEqual(try other.take(1), [300])
            try awaitSaved(hub, floor: 300)
            try member(hub, 0).expectNothing()
        }
    }

    /// A shard that did not know the log yet hands its message over live: the home gives it on, or puts it into the log.
    @Test(arguments: shardCounts) func handedOverLate(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let first = try member(hub, 0)
            func handOver(_ text: String) throws {
                let message = PlainMessage(
                    topic: Array("work/x".utf8), payload: Array(text.utf8), qos: .atLeastOnce, retain: false,
                    forwarded: [])
                let filter = try TopicFilter(validating: Array(Self.filter.utf8))
                let home = Int(UInt(bitPattern: filter.hashValue) % UInt(shards))
                _ = hub.hub.backlogs[home].add(message.heldBytes)
                hub.mailroom.post(.shares([.publish(message, [filter])]), to: home)
            }
            try handOver("1")
            try checkEqual(Int(try first.receive().payload), 1)
            // Nobody is left to take it back.
            first.abort()
            try waitUntil("it is in the log") { hub.log.end(of: (try? log(hub).topicID) ?? 0) == 1 }
            try handOver("2")
            try waitUntil("it is in the log") { hub.log.end(of: (try? log(hub).topicID) ?? 0) == 2 }
            let back = try member(hub, 0)
            try checkEqual(try back.take(2), [1, 2])
            try back.expectNothing()
        }
    }

    /// A group goes on live when its log is removed, and gets another one later; also if that is heard of first.
    @Test(arguments: shardCounts, [false, true]) func aLogThatIsRemoved(
        _ shards: Int, _ isHeardLate: Bool
    ) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let other = try TestClient(hub, shard: shards - 1, user: nil, id: "other"), writer = try writer(hub)
            try other.subscribe(Self.filter)
            let first = try member(hub, 0)
            try first.sendUnsubscribe(Self.filter)
            guard case .unsuback = try first.next() else { throw CheckFailure(description: "no UNSUBACK") }
            try writer.publish(0..<2, qos: .atLeastOnce)
            let held = try other.receive()
            try checkEqual(try other.take(1), [1])
            let old = try log(hub)
            hub.filterLogs.remove(old.filter)
            func remove() throws {
                hub.mailroom.filterLogsRemoved([old])
                try settle(hub)
            }
            if !isHeardLate {
                try remove()
                try writer.publish(2..<4, qos: .atLeastOnce)
                try checkEqual(try other.take(2), [2, 3])
                try checkEqual(hub.log.end(of: old.topicID), 2)
            }
            try first.subscribe(Self.filter)
            if isHeardLate { try remove() }
            try check(try log(hub).topicID != old.topicID, "another log")
            try writer.publish(4..<6, qos: .atLeastOnce)
            try checkEqual(try (other.take(1) + first.take(1)).sorted(), [4, 5])
            try other.acknowledge(held.packetID)
            try awaitSaved(hub, floor: 2)
        }
    }

    @Test func whatIsOverIsNotDelivered() async throws {
        try await onThread {
            let hub = try TestHub()
            try member(hub, 0).disconnect()
            let writer = try writer(hub)
            for (number, seconds) in [10, 100].enumerated() {
                var properties: [UInt8] = []
                properties.appendProperty(.messageExpiryInterval, number: UInt32(seconds))
                try writer.publish("work/x", "\(number)", properties: properties)
                _ = try writer.receivePuback()
            }
            hub.clock.advance(seconds: 40)
            let back = try member(hub, 0), delivery = try back.receive()
            try checkEqual(delivery.payload, "1")
            try check(58...60 ~= delivery.expirySeconds ?? 0, "\(delivery)")
        }
    }
}
