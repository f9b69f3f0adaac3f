import Identity
import MQTT
import Testing

@testable import Broker
@testable import Persistence

/// Retained messages as clients see them.
@Suite(.serialized) struct RetainedTests {
    private static func stored(_ topic: String, _ payload: String, qos: UInt8 = 1) -> RetainedMessage {
        RetainedMessage(topic: Array(topic.utf8), payload: Array(payload.utf8), qos: qos)
    }

    /// A hub with a message that makes it look for others.
    private static func hub(shards: Int = 1, _ messages: RetainedMessage...) throws -> TestHub {
        let hub = try TestHub(shards: shards)
        for message in messages { hub.retained.put(message) }
        try TestClient(hub, user: nil, id: "first").retain("first", "1")
        return hub
    }

    @Test(arguments: [ProtocolVersion.v3_1, .v3_1_1, .v5])
    func theLastMessageComesAtSubscribe(version: ProtocolVersion) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            let writer = try TestClient(hub, user: nil, id: "w", version: version)
            let reader = try TestClient(hub, shard: 1, user: nil, id: "r", version: version)
            try reader.subscribe("none", "a")
            try reader.expectNothing()
            try writer.retain("a", "1")
            try writer.retain("b", "1")
            try writer.retain("a", "2")
            // Subscribed already: as any message, without the flag.
            try checkEqual(try reader.receiveTexts(2), ["a=1", "a=2"])
            try reader.subscribe("a", "b", "none")
            let first = try reader.receive()
            try check(first.retain && first.qos == .atLeastOnce && first.payload == "2", "\(first)")
            try checkEqual(try reader.receive().payload, "1")
            try reader.expectNothing()
            try writer.retain("a", "")
            let gone = try reader.receive()
            try check(gone.payload.isEmpty && !gone.retain, "\(gone)")
            try reader.subscribe("a")
            try reader.expectNothing()
            try checkEqual(hub.retained.topics, ["b"])
        }
    }

    @Test func retainHandling() async throws {
        try await onThread {
            let hub = try Self.hub()
            let client = try TestClient(hub, user: nil)
            for (handling, count) in [
                (SubscriptionOptions.RetainHandling.doNotSend, 0), (.sendIfNew, 0), (.sendAtSubscribe, 1),
                (.sendIfNew, 0), (.sendAtSubscribe, 1),
            ] {
                try client.subscribe("first", SubscriptionOptions(qos: .atMostOnce, retainHandling: handling))
                _ = try client.receiveTexts(count)
                try client.expectNothing()
            }
            try client.sendUnsubscribe("first")
            _ = try client.next()
            try client.subscribe("first", SubscriptionOptions(qos: .atMostOnce, retainHandling: .sendIfNew))
            try checkEqual(try client.receiveTexts(1), ["first=1"])
        }
    }

    /// The lower QoS, the identifier of the SUBSCRIBE, the properties in order, what is left of the expiry.
    @Test func whatComesWithIt() async throws {
        try await onThread {
            let hub = try Self.hub()
            let writer = try TestClient(hub, user: nil, id: "w")
            var properties: [UInt8] = []
            properties.appendUserProperty("b", "2")
            properties.appendProperty(.messageExpiryInterval, number: 1_000)
            properties.appendUserProperty("a", "1")
            try writer.retain("x", "y", properties: properties)
            for (qos, expected) in [
                (QoS.atMostOnce, QoS.atMostOnce), (.atLeastOnce, .atLeastOnce), (.exactlyOnce, .atLeastOnce),
            ] {
                let client = try TestClient(hub, user: nil, id: "r\(qos.rawValue)")
                try client.subscribe("x", SubscriptionOptions(qos: qos), identifier: 7)
                let delivery = try client.receive()
                try check(delivery.retain && delivery.qos == expected, "\(delivery)")
                try checkEqual(delivery.properties.userProperties.map(\.name), [Array("b".utf8), Array("a".utf8)])
                try checkEqual(delivery.properties.subscriptionIDs, [7])
                let expiry = delivery.properties.messageExpirySeconds ?? 0
                try check(900...1_000 ~= expiry, "\(expiry) s are left")
            }
        }
    }

    @Test func expiredOnesStay() async throws {
        try await onThread {
            var expired = Self.stored("old", "1")
            expired.expiresAt = 1
            let hub = try Self.hub(expired, Self.stored("young", "1"))
            let client = try TestClient(hub, user: nil)
            try client.subscribe("+")
            try checkEqual(try client.receiveTexts(2), ["first=1", "young=1"])
            try client.expectNothing()
        }
    }

    /// Every filter finds what it matches, and each only once.
    @Test(arguments: [
        ("#", ["a", "a/", "a/b", "a/b/c", "a!", "b", "first", "ä"]), ("a/#", ["a", "a/", "a/b", "a/b/c"]),
        ("a/+", ["a/", "a/b"]), ("+", ["a", "a!", "b", "first", "ä"]), ("+/b", ["a/b"]), ("a/b/#", ["a/b", "a/b/c"]),
        ("+/+/c", ["a/b/c"]), ("a/b", ["a/b"]), ("c/#", []), ("ä/#", ["ä"]), ("/#", []),
        ("+/#", ["a", "a/", "a/b", "a/b/c", "a!", "b", "first", "ä"]),
    ])
    func wildcards(filter: String, topics: [String]) async throws {
        try await onThread {
            let hub = try Self.hub()
            for topic in ["a", "a/", "a/b", "a/b/c", "a!", "b", "ä"] { hub.retained.put(Self.stored(topic, "1")) }
            let client = try TestClient(hub, user: nil)
            try client.subscribe(filter)
            try checkEqual(Set(try client.receiveTexts(topics.count)), Set(topics.map { "\($0)=1" }))
            try client.expectNothing()
        }
    }

    /// More than a page, in a window far smaller, and then live messages as ever.
    @Test(arguments: [1, 3, 40, 65_535] as [UInt16])
    func manyInASmallWindow(receiveMaximum: UInt16) async throws {
        try await onThread {
            let hub = try Self.hub()
            let count = receiveMaximum < 10 ? 100 : 2_500
            for number in 0..<count { hub.retained.put(Self.stored("t/\(number)", "\(number)")) }
            let client = try TestClient(hub, user: nil, receiveMaximum: receiveMaximum)
            try client.subscribe("t/+")
            let topics = try client.receiveTexts(count)
            try checkEqual(Set(topics).count, count)
            try client.expectNothing()
            try client.publish("t/1", "live", qos: .atMostOnce)
            try checkEqual(try client.receive().payload, "live")
            if receiveMaximum > 10 {
                try check(hub.retained.readCounts.count < count / 10, "\(hub.retained.readCounts.count) reads")
            }
        }
    }

    @Test func whoMayNotReceiveGetsNothing() async throws {
        try await onThread {
            let hub = try Self.hub(Self.stored("app/a", "1"), Self.stored("app/secret", "1"), Self.stored("other", "1"))
            hub.rights.set(1)
            let client = try TestClient(hub, user: 1, acl: AccessList(subscribe: ["app/#"], deny: ["app/secret"]))
            try client.subscribe("#")
            try checkEqual(try client.receiveTexts(1), ["app/a=1"])
            try client.expectNothing()
        }
    }

    /// Subscriptions that come back with their session ask for nothing.
    @Test func aSessionThatComesBack() async throws {
        try await onThread {
            let hub = try Self.hub()
            for isPresent in [false, true] {
                let client = try TestClient(hub, user: nil, id: "p", isClean: false, expirySeconds: 100)
                try checkEqual(client.sessionPresent, isPresent)
                if !isPresent {
                    try client.subscribe("#")
                    try checkEqual(try client.receiveTexts(1), ["first=1"])
                }
                try client.expectNothing()
                try client.disconnect()
            }
        }
    }

    /// It is read when the client has gone on: no harm, nothing sent.
    @Test func whoLeavesWhileItIsRead() async throws {
        try await onThread {
            let hub = try Self.hub()
            for step in ["unsubscribe", "disconnect"] {
                hub.retained.walks.close()
                let client = try TestClient(hub, user: nil)
                try client.subscribe("#")
                try waitUntil("it is read") { hub.retained.walks.waitingCount == 1 }
                if step == "unsubscribe" {
                    try client.sendUnsubscribe("#")
                    _ = try client.next()
                } else {
                    try client.disconnect()
                }
                hub.retained.walks.open()
                if step == "unsubscribe" {
                    try client.subscribe("none")
                    try client.expectNothing()
                }
            }
            try hub.settle()
        }
    }
}
