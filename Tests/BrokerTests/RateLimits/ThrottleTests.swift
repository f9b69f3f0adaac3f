import Identity
import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// protocol.md §3: rate limits on publishing pause reading from the connection, in both versions.
@Suite(.serialized) struct ThrottleTests {
    private static func limits(_ rate: RateLimits.Rate) -> RateLimits {
        var limits = RateLimits.off
        limits[.publishes] = rate
        return limits
    }

    private func hub(_ rate: RateLimits.Rate, shards: Int = 1) throws -> TestHub {
        let hub = try TestHub(shards: shards, limits: Self.limits(rate))
        for user in [Int64(1), 2] { hub.rights.set(user, groups: [TestRights.group(70, lastSeq: 0)]) }
        return hub
    }

    /// Nothing is refused, nothing is lost, and all keep their order.
    @Test(arguments: [ProtocolVersion.v3_1_1, .v5]) func tooFastIsReadLater(_ version: ProtocolVersion) async throws {
        try await onThread {
            let hub = try hub(RateLimits.Rate(20, seconds: 1, burst: 5))
            let reader = try TestClient(hub, user: 2, id: "r")
            try reader.subscribe("group/70")
            let writer = try TestClient(hub, user: 1, id: "w", version: version)
            let start = ContinuousClock.now
            let ids = try (0..<15).map { try writer.publish("group/70", "\($0)") }
            for id in ids {
                let answer = try writer.receivePuback()
                try checkEqual(answer.packetID, id)
                try checkEqual(answer.reason, .success)
            }
            // Five at once, ten at twenty a second; the last is on credit.
            try check(ContinuousClock.now - start >= .milliseconds(400), "it took \(ContinuousClock.now - start)")
            try checkEqual(try reader.receiveSeqs(15), Array(1...15))
            try check(hub.hub.metrics.throttled.current > 0, "nobody was throttled")
            // Who has waited can do all else again.
            _ = try writer.subscribe("group/70")
        }
    }

    /// Publishes of QoS 2 wait for their session to be saved; no more is read on credit meanwhile.
    @Test func whatIsHeldCountsAsItArrives() async throws {
        try await onThread {
            let hub = try hub(RateLimits.Rate(1, seconds: 3_600, burst: 5))
            let writer = try TestClient(hub, user: 1, isClean: false, expirySeconds: 60)
            for number in 0..<50 { _ = try writer.publish("group/70", "\(number)", qos: .exactlyOnce) }
            try waitUntil("what is read is stored") { hub.log.entries(of: .testGroup(70)).count == 5 }
            let other = try TestClient(hub, user: 2, id: "o")
            try other.expectNothing()
            try checkEqual(hub.log.entries(of: .testGroup(70)).count, 5)
        }
    }

    /// Two connections on two shards have one allowance.
    @Test func shardsShareIt() async throws {
        try await onThread {
            let hub = try hub(RateLimits.Rate(1, seconds: 3_600, burst: 6), shards: 2)
            let writers = try (0..<2).map { try TestClient(hub, shard: $0, user: 1, id: "w\($0)") }
            for _ in 0..<3 {
                for writer in writers {
                    _ = try writer.publish("group/70", "x")
                    _ = try writer.receivePuback()
                }
            }
            // The bucket is empty: the second stands still already, the first may publish once more, on credit.
            for writer in writers { _ = try writer.publish("group/70", "one more") }
            _ = try writers[0].receivePuback()
            // Somebody else is not concerned.
            let other = try TestClient(hub, shard: 1, user: 2, id: "o")
            _ = try other.publish("group/70", "x")
            _ = try other.receivePuback()
            try hub.settle(1)
            try checkEqual(hub.log.entries(of: .testGroup(70)).count, 8)
        }
    }

    /// Plain topics are not limited, nor is who has no user.
    @Test func plainTopicsAreFree() async throws {
        try await onThread {
            let hub = try hub(RateLimits.Rate(1, seconds: 3_600, burst: 1))
            let acl = AccessList(all: ["app/#"])
            for client in [try TestClient(hub, user: 1, id: "u", acl: acl), try TestClient(hub, user: nil, id: "a")] {
                for _ in 0..<50 {
                    _ = try client.publish("app/x", "x")
                    _ = try client.receivePuback()
                }
            }
        }
    }

    @Test func signalsCount() async throws {
        try await onThread {
            let hub = try hub(RateLimits.Rate(1, seconds: 3_600, burst: 2))
            let client = try TestClient(hub, user: 1)
            _ = try client.publish("group/70/typing", "{}")
            _ = try client.receivePuback()
            try client.expectNothing()
            _ = try client.publish("group/70/read", #"{"seq":1}"#)
            _ = try client.receivePuback()
            try checkEqual(hub.hub.metrics.throttled.current, 1)
        }
    }

    /// protocol.md §5: 50 connections a user, 100,000 a node.
    @Test(arguments: [(ProtocolVersion.v5, ReasonCode.quotaExceeded), (.v3_1_1, .serverUnavailable)])
    func connections(version: ProtocolVersion, code: ReasonCode) async throws {
        try await onThread {
            var limits = RateLimits.off
            limits.connectionsPerUser = 2
            limits.connections = 4
            let hub = try TestHub(shards: 2, limits: limits)
            hub.rights.set(1)
            let first = try TestClient(hub, user: 1, id: "1")
            var others = [try TestClient(hub, shard: 1, user: 1, id: "2")]
            let third = try TestClient(port: hub.ports[1], version: version)
            try third.sendConnect(user: 1, id: "3")
            try checkEqual(try third.receiveConnack(), code)
            try third.expectEnd()
            // Taking over is no further connection.
            others.append(try TestClient(hub, user: 1, id: "2"))
            try first.disconnect()
            try waitUntil("the first is gone") { hub.hub.registry.connectionsCount == 1 }
            others.append(try TestClient(hub, user: 1, id: "3"))
            for id in ["4", "5"] { others.append(try TestClient(hub, user: nil, id: id)) }
            let last = try TestClient(port: hub.ports[0], version: version)
            try last.sendConnect(user: nil, id: "6")
            try checkEqual(try last.receiveConnack(), code)
            try checkEqual(hub.hub.metrics.turnedAway.current, 2)
            try checkEqual(hub.hub.registry.connectionsCount, 4)
            withExtendedLifetime(others) {}
        }
    }
}
