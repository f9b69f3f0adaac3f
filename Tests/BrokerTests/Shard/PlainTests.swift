import Glibc
import Identity
import MQTT
import Synchronization
import Testing
import Topics

@testable import Broker

/// Plain topics across shards, and peers that do not read.
@Suite(.serialized) struct PlainTests {
    /// Once SUBACK is here, nothing that is published anywhere is missed.
    @Test func subackThenPublishElsewhere() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let reader = try TestClient(hub, shard: 0, user: nil, id: "r")
            let writer = try TestClient(hub, shard: 1, user: nil, id: "w")
            for round in 0..<300 {
                let filter = round % 3 == 0 ? "a/+/\(round)" : "a/b/\(round)"
                try reader.subscribe(filter, qos: .atMostOnce)
                try writer.publish("a/b/\(round)", "\(round)", qos: .atMostOnce)
                try checkEqual(try reader.receive().payload, "\(round)")
                if round % 2 == 0 {
                    try reader.sendUnsubscribe(filter)
                    _ = try reader.next()
                }
            }
        }
    }

    /// A filter that was granted covers what may be read now, also after the session was resumed.
    @Test func wildcardCoversWhatMayBeRead() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            hub.rights.set(1)
            let acl = AccessList(subscribe: ["app/#"], deny: ["app/secret"])
            let writer = try TestClient(hub, shard: 1, user: nil, id: "w")
            for isResumed in [false, true] {
                let reader = try TestClient(hub, user: 1, id: "r", isClean: false, expirySeconds: 100, acl: acl)
                try check(reader.sessionPresent == isResumed, "session present")
                if !isResumed { try reader.subscribe("#") }
                for topic in ["other", "app/secret", "app/x"] { try writer.publish(topic, "1", qos: .atMostOnce) }
                try checkEqual(try reader.receive().topic, "app/x")
                try reader.disconnect()
            }
        }
    }

    @Test func fanOutKeepsOrder() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let readers = try (0..<6).map { number in
                let client = try TestClient(hub, shard: number % 2, user: nil, id: "r\(number)")
                try client.subscribe(number < 3 ? "t" : "#", qos: .atLeastOnce)
                return client
            }
            let writer = try TestClient(hub, shard: 1, user: nil, id: "w")
            for number in 0..<200 {
                try writer.publish("t", "\(number)", qos: number % 2 == 0 ? .atMostOnce : .atLeastOnce)
            }
            for reader in readers {
                for number in 0..<200 {
                    let delivery = try reader.receive()
                    try checkEqual(delivery.payload, "\(number)")
                    if delivery.packetID != 0 { try reader.acknowledge(delivery.packetID) }
                }
            }
        }
    }

    /// A refusal says why: it is larger than what it refuses.
    private func refusedPublishes(_ count: Int) -> [UInt8] {
        var packets: [UInt8] = []
        for _ in 0..<count {
            ServerPacket.encodePublish(
                into: &packets, version: .v5, topic: Array("inbox/1".utf8), payload: [], qos: .atLeastOnce,
                retain: false,
                packetID: 1)
        }
        return packets
    }

    /// A client that asks and asks and never reads the answers is read no further.
    @Test func answersThatNobodyReads() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let client = try TestClient(port: hub.ports[0], receiveBufferBytes: 8192)
            try client.sendConnect(user: 1, id: "c")
            _ = try client.receiveConnack()
            let pauses = hub.observed.pauses.load(ordering: .acquiring)
            let packet = refusedPublishes(100)
            _ = fcntl(client.socket, F_SETFL, O_NONBLOCK)
            var sent = 0
            while sent < 24 << 20, hub.observed.pauses.load(ordering: .acquiring) == pauses {
                let start = sent % packet.count
                let count = packet.withUnsafeBytes {
                    Glibc.send(client.socket, $0.baseAddress! + start, packet.count - start, Int32(MSG_NOSIGNAL))
                }
                if count > 0 { sent += count } else { sched_yield() }
            }
            try hub.settle()
            let queued = hub.observed.queuedBytesMax.load(ordering: .relaxed)
            try check(queued < 2 << 20, "\(queued) bytes wait for a client that reads nothing")
        }
    }

    /// Once it reads, it is read again, and everything is answered.
    @Test func answersThatAreReadLate() async throws {
        try await onThread {
            let hub = try TestHub()
            let client = try TestClient(hub, user: nil)
            // Its own messages fill its connection quickly.
            try client.subscribe("t", qos: .atMostOnce)
            var packet: [UInt8] = []
            ServerPacket.encodePublish(
                into: &packet, version: .v5, topic: Array("t".utf8), payload: [UInt8](repeating: 120, count: 100_000),
                qos: .atLeastOnce, retain: false, packetID: 1)
            let socket = client.socket, message = packet
            let pauses = hub.observed.pauses.load(ordering: .acquiring)
            let asked = Atomic<Int>(0)
            let isOver = TestHub.Flag()
            startThread {
                while hub.observed.pauses.load(ordering: .acquiring) == pauses, asked.load(ordering: .relaxed) < 400 {
                    var start = 0
                    while start < message.count {
                        let count = message.withUnsafeBytes {
                            Glibc.send(socket, $0.baseAddress! + start, message.count - start, Int32(MSG_NOSIGNAL))
                        }
                        guard count > 0 else { break }
                        start += count
                    }
                    asked.add(1, ordering: .relaxed)
                }
                isOver.set()
            }
            try waitUntil("reading stops") { hub.observed.pauses.load(ordering: .acquiring) > pauses }
            var answered = 0
            while !isOver.isSet || answered < asked.load(ordering: .relaxed) {
                if try client.skip() == .puback { answered += 1 }
            }
            try client.expectNothing()
        }
    }

    /// [MQTT-3.8.3-3] is about one subscription: another that matches too brings the message, in its own way.
    @Test(arguments: [false, true]) func noLocalBesideAnother(_ isPersistent: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            let both = try TestClient(
                hub, user: nil, id: "b", isClean: !isPersistent, expirySeconds: isPersistent ? 100 : 0)
            let local = SubscriptionOptions(qos: .atLeastOnce, noLocal: true, retainAsPublished: true)
            try both.subscribe("a/#", local, identifier: 1)
            try both.subscribe("a/b", SubscriptionOptions(qos: .atMostOnce), identifier: 2)
            try both.publish("a/b", "own", retain: true)
            let own = try both.receive()
            try checkEqual(own.qos, .atMostOnce)
            try check(!own.retain && own.subscriptionIDs == [2], "\(own)")
            _ = try both.receivePuback()
            try both.publish("a/c", "own")
            _ = try both.receivePuback()
            let writer = try TestClient(hub, user: nil, id: "w")
            try writer.publish("a/b", "another's", retain: true)
            let other = try both.receive()
            try checkEqual(other.qos, .atLeastOnce)
            try check(other.retain && other.subscriptionIDs.sorted() == [1, 2], "\(other)")
            try both.expectNothing()
        }
    }

    /// It loses messages of QoS 0 and keeps nobody else waiting.
    @Test func slowReaderIsBounded() async throws {
        try await onThread {
            let hub = try TestHub()
            let slow = try TestClient(port: hub.ports[0], receiveBufferBytes: 8192)
            try slow.sendConnect(user: nil, id: "slow")
            _ = try slow.receiveConnack()
            try slow.subscribe("t", qos: .atMostOnce)
            let quick = try TestClient(hub, user: nil, id: "quick")
            try quick.subscribe("t", qos: .atMostOnce)
            let writer = try TestClient(hub, user: nil, id: "writer")
            let payload = String(repeating: "x", count: 100_000)
            var number = 0
            while hub.hub.metrics.dropped.current == 0 {
                try writer.publish("t", payload, qos: .atMostOnce)
                try checkEqual(try quick.receive().payload.utf8.count, 100_000)
                number += 1
                try check(number < 400, "40 MB wait for a client that reads nothing")
            }
            try check(hub.observed.queuedBytesMax.load(ordering: .relaxed) < 2 << 20, "too much is queued")
            try checkEqual(try slow.receive().payload.utf8.count, 100_000)
        }
    }
}
