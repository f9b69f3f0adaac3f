import MQTT
import Testing
import Topics

@testable import Broker

/// What goes to another shard, and where it leads there.
@Suite struct PlainBatchTests {
    @Test func messagesKeepTheirOrderAndShareTopics() {
        var batches: [PlainBatch] = []
        let sent: [(topic: String, payload: String, forwarded: [UInt8])] = [
            ("a", "one", []), ("a", "", [9, 9]), ("b", "three", []), ("a", "four", [1]),
        ]
        for message in sent {
            batches.append(
                topic: Array(message.topic.utf8), payload: Array(message.payload.utf8).span,
                forwarded: message.forwarded, qos: .atLeastOnce, retain: false, expiresAt: 7)
        }
        #expect(batches.count == 1)
        let batch = batches[0]
        #expect(batch.topics == [Array("a".utf8), Array("b".utf8), Array("a".utf8)])
        #expect(batch.messages.count == sent.count)
        for (message, expected) in zip(batch.messages, sent) {
            #expect(batch.topics[Int(message.topic)] == Array(expected.topic.utf8))
            #expect(Array(batch.bytes[message.payload]) == Array(expected.payload.utf8))
            #expect(Array(batch.bytes[message.forwarded]) == expected.forwarded)
            #expect(message.qos == .atLeastOnce && !message.retain && message.expiresAt == 7)
        }
    }

    @Test func aFullBatchIsFollowedByAnother() {
        var batches: [PlainBatch] = []
        let payload = [UInt8](repeating: 1, count: 40_000)
        for _ in 0..<5 {
            batches.append(
                topic: [97], payload: payload.span, forwarded: [], qos: .atMostOnce, retain: false, expiresAt: 0)
        }
        #expect(batches.map(\.messages.count) == [2, 2, 1])
    }

    /// What the other shard has kept of a topic's way is no longer good when somebody comes or goes.
    @Test func subscriptionsChangeBetweenMessages() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let publisher = try TestClient(hub, shard: 0, user: nil, id: "p")
            let first = try TestClient(hub, shard: 1, user: nil, id: "1")
            let second = try TestClient(hub, shard: 1, user: nil, id: "2")
            try first.subscribe("t")
            try hub.settle()
            _ = try publisher.publish("t", "a", qos: .atMostOnce)
            try checkEqual(try first.receive().payload, "a")
            try second.subscribe("+")
            _ = try publisher.publish("t", "b", qos: .atMostOnce)
            try checkEqual(try first.receive().payload, "b")
            try checkEqual(try second.receive().payload, "b")
            try first.sendUnsubscribe("t")
            guard case .unsuback = try first.next() else { throw CheckFailure(description: "no UNSUBACK") }
            _ = try publisher.publish("t", "c", qos: .atMostOnce)
            try checkEqual(try second.receive().payload, "c")
            try first.expectNothing()
        }
    }

    private func route(_ topic: String, _ generation: UInt32, shards: UInt64 = 0) -> Route {
        var route = Route()
        route.topic = Array(topic.utf8)
        route.generation = generation
        route.shards = shards
        return route
    }

    @Test func aRouteIsGoodForItsGeneration() {
        var cache = RouteCache()
        let topics = ["a", "b"].map { Array($0.utf8) }
        #expect(cache.route(of: topics[0], generation: 1)?.shards == nil)
        cache.keep(route("a", 1, shards: 1))
        cache.keep(route("b", 1, shards: 2))
        #expect(topics.map { cache.route(of: $0, generation: 1)?.shards } == [1, 2])
        #expect(topics.map { cache.route(of: $0, generation: 2)?.shards } == [nil, nil])
        cache.keep(route("a", 2, shards: 3))
        #expect(topics.map { cache.route(of: $0, generation: 2)?.shards } == [3, nil])
    }
}
