import Glibc
import MQTT
import Testing
import Topics

@testable import Broker

/// Publishers whose subscribers are on another shard are read no faster than that shard delivers.
@Suite(.serialized) struct BacklogTests {
    @Test func roomIsToldOnceToWhoWantsIt() {
        let backlog = PlainBacklog(), most = Limits.plainBacklogBytesMax
        #expect(!backlog.add(most))
        #expect(backlog.add(1))
        #expect(backlog.awaitRoom(0))
        #expect(backlog.awaitRoom(5))
        #expect(backlog.remove(most / 2) == 0)
        #expect(backlog.remove(1) == 0b100001)
        #expect(backlog.remove(1) == 0)
        #expect(!backlog.awaitRoom(5))
        #expect(!backlog.add(1))
    }

    @Test func fullBatchesOfATurnAreCounted() {
        var batches: [PlainBatch] = []
        let nothing: [UInt8] = []
        while batches.count <= PlainBatch.countMax {
            batches.append(
                topic: [97], payload: nothing.span, forwarded: [], qos: .atMostOnce, retain: false, expiresAt: 0)
        }
        #expect(batches.heldBytes > Limits.plainBacklogBytesMax)
        #expect(batches.heldBytes < 3 * Limits.plainBacklogBytesMax)
    }

    /// A shard that stands still, and a client there by which it was made to.
    private func holdShard(_ hub: TestHub) throws -> TestClient {
        let client = try TestClient(hub, shard: 1, user: nil, id: "holder")
        hub.observed.heldShard.store(1, ordering: .releasing)
        try client.publish("held", "", qos: .atMostOnce)
        try waitUntil("it stands still") { hub.observed.isHeld.isSet }
        return client
    }

    /// Publishes until the hub reads no further, or 24 MiB are sent.
    /// - Returns: the rest of the last message, and how many there are.
    private func flood(_ hub: TestHub, _ writer: TestClient, qos: QoS) throws -> (rest: [UInt8], count: Int) {
        let pauses = hub.observed.pauses.load(ordering: .acquiring)
        let filling = [UInt8](repeating: 120, count: 8_000)
        _ = fcntl(writer.socket, F_SETFL, O_NONBLOCK)
        defer { _ = fcntl(writer.socket, F_SETFL, 0) }
        for number in 0..<3_000 {
            var packet: [UInt8] = []
            ServerPacket.encodePublish(
                into: &packet, version: .v5, topic: Array("t".utf8), payload: Array("\(number) ".utf8) + filling,
                qos: qos, retain: false, packetID: UInt16(number + 1))
            var sent = 0
            while sent < packet.count {
                if hub.observed.pauses.load(ordering: .acquiring) > pauses {
                    return (Array(packet[sent...]), number + 1)
                }
                let count = packet.withUnsafeBytes {
                    Glibc.send(writer.socket, $0.baseAddress! + sent, packet.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count > 0 { sent += count } else { sched_yield() }
            }
        }
        throw CheckFailure(description: "24 MiB wait for a shard that stands still")
    }

    @Test func whoIsAheadIsReadNoFurtherAndLosesNothing() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let reader = try TestClient(hub, shard: 1, user: nil, id: "r")
            try reader.subscribe("t")
            let writer = try TestClient(hub, user: nil, id: "w"), other = try TestClient(hub, user: nil, id: "o")
            let holder = try holdShard(hub)
            let (rest, count) = try flood(hub, writer, qos: .atLeastOnce)
            // Who publishes elsewhere does not notice.
            try other.subscribe("u")
            try other.publish("u", "1", qos: .atMostOnce)
            try checkEqual(try other.receive().payload, "1")
            hub.observed.heldShard.store(-1, ordering: .releasing)
            try writer.send(rest)
            for number in 0..<count {
                let delivery = try reader.receive()
                try check(delivery.payload.hasPrefix("\(number) "), "not message \(number)")
                try reader.acknowledge(delivery.packetID)
            }
            for number in 0..<count { try checkEqual(Int(try writer.receivePuback().packetID), number + 1) }
            try writer.publish("t", "last", qos: .atMostOnce)
            try checkEqual(try reader.receive().payload, "last")
            try holder.expectNothing()
        }
    }

    /// What goes to the home of a shared subscription counts, too.
    @Test func sharedSubscriptionsCount() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let table = ShareTable(shardCount: 2)
            let filters = (0..<100).map { "$share/\($0)/t" }
            let filter = try filters.first {
                try table.home(of: TopicFilter(validating: Array($0.utf8))) == 1
            }
            let reader = try TestClient(hub, shard: 1, user: nil, id: "r")
            try reader.subscribe(filter ?? "", qos: .atMostOnce)
            let writer = try TestClient(hub, user: nil, id: "w")
            let holder = try holdShard(hub)
            let (rest, _) = try flood(hub, writer, qos: .atMostOnce)
            hub.observed.heldShard.store(-1, ordering: .releasing)
            try writer.send(rest)
            try writer.expectNothing()
            try holder.expectNothing()
        }
    }
}
