import Identity
import MQTT
import Testing
import Topics

@testable import Broker

/// Shared subscriptions through whole shards: members, publisher and home are on the same or on different ones.
@Suite(.serialized) struct ShareTests {
    private static let shardCounts = [1, 3]

    private func members(
        _ hub: TestHub, _ count: Int, _ filter: String = "$share/g/work/+", qos: QoS = .atLeastOnce,
        receiveMaximum: UInt16 = 65_535
    ) throws -> [TestClient] {
        try (0..<count).map { number in
            let client = try TestClient(
                hub, shard: number % hub.ports.count, user: nil, id: "m\(number)", receiveMaximum: receiveMaximum)
            let suback = try client.subscribe(filter, qos: qos)
            try checkEqual(suback.reasons, [.granted(qos)])
            return client
        }
    }

    private func writer(_ hub: TestHub) throws -> TestClient {
        try TestClient(hub, shard: hub.ports.count - 1, user: nil, id: "writer")
    }

    @Test(arguments: shardCounts, [QoS.atMostOnce, .atLeastOnce, .exactlyOnce])
    func eachMessageToOneMember(_ shards: Int, _ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            for filter in ["$share/g/work/+", "$share/g/work/x", "$share/other/#"] {
                let members = try self.members(hub, 5, filter, qos: qos), writer = try writer(hub)
                for round in 0..<10 {
                    try writer.publish(round * 20..<round * 20 + 20, qos: qos)
                    let taken = try members.flatMap { try $0.take(4) }
                    try checkEqual(taken.sorted(), Array(round * 20..<round * 20 + 20))
                }
                for member in members { try member.expectNothing() }
                for client in members + [writer] { try client.disconnect() }
            }
        }
    }

    @Test(arguments: shardCounts) func whoDoesNotAcknowledgeStopsNobody(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let members = try members(hub, 2, receiveMaximum: 2), writer = try writer(hub)
            try writer.publish(0..<60, qos: .atLeastOnce)
            let stuck = try (0..<2).map { _ in Int(try members[0].receive().payload)! }
            let rest = try (0..<58).flatMap { _ in try members[1].take(1) }
            try checkEqual((stuck + rest).sorted(), Array(0..<60))
            for member in members { try member.expectNothing() }
        }
    }

    /// A lost connection's messages go to the others, in order; at QoS 2 to nobody [MQTT-4.8.2-5].
    @Test(arguments: shardCounts, [QoS.atLeastOnce, .exactlyOnce])
    func lostMember(_ shards: Int, _ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let members = try members(hub, 2, qos: qos), writer = try writer(hub)
            try writer.publish(0..<10, qos: qos)
            let own = try (0..<5).map { _ in Int(try members[0].receive().payload)! }
            let others = try members[1].take(5)
            try checkEqual((own + others).sorted(), Array(0..<10))
            try members[0].disconnect()
            if qos == .atLeastOnce { try checkEqual(try members[1].take(5), own) }
            // Until the home has heard of the end, it may choose the lost member, and then chooses again.
            try writer.publish(10..<12, qos: qos)
            try checkEqual(try members[1].take(2).sorted(), [10, 11])
            try members[1].expectNothing()
        }
    }

    /// "No" ends a delivery: nobody else is asked [MQTT-4.8.2-6].
    @Test(arguments: shardCounts, [QoS.atLeastOnce, .exactlyOnce])
    func refusedByTheClient(_ shards: Int, _ qos: QoS) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let members = try members(hub, 2, qos: qos, receiveMaximum: 1), writer = try writer(hub)
            try writer.publish(0..<1, qos: qos)
            let delivery = try members[0].receive()
            let type: PacketType = qos == .atLeastOnce ? .puback : .pubrec
            try members[0].answer(type, delivery.packetID, .implementationSpecificError)
            try members[0].disconnect()
            try writer.publish(1..<2, qos: qos)
            try checkEqual(try members[1].take(1), [1])
            try members[1].expectNothing()
        }
    }

    /// Who unsubscribes gets nothing new, and may still acknowledge what it got; what it does not, others get when it is gone.
    @Test(arguments: shardCounts) func unsubscribing(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let members = try members(hub, 2), writer = try writer(hub)
            try writer.publish(0..<4, qos: .atLeastOnce)
            let first = try members[0].receive(), second = try members[0].receive()
            _ = try members[1].take(2)
            try members[0].sendUnsubscribe("$share/g/work/+")
            guard case .unsuback(let unsuback) = try members[0].next() else {
                throw CheckFailure(description: "no UNSUBACK")
            }
            try checkEqual(unsuback.reasons, [.success])
            try writer.publish(4..<8, qos: .atLeastOnce)
            try checkEqual(try members[1].take(4), [4, 5, 6, 7])
            try members[0].acknowledge(first.packetID)
            try members[0].expectNothing()
            try members[0].disconnect()
            try checkEqual(try members[1].take(1), [Int(second.payload)!])
            try members[1].expectNothing()
        }
    }

    @Test(arguments: [ProtocolVersion.v5, .v3_1_1]) func whatIsRefused(_ version: ProtocolVersion) async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(7)])
            let acl = AccessList(subscribe: ["app/#"], deny: ["app/secret/#"])
            let client = try TestClient(hub, user: 1, version: version, acl: acl)
            let cases: [(String, ReasonCode)] = [
                ("$share/g/app/x", .success), ("$share/g/app/#", .success), ("$share/g/app/secret/x", .notAuthorized),
                ("$share/g/other", .notAuthorized), ("$share/g/#", .notAuthorized), ("$share/g/+/x", .notAuthorized),
                ("$share/g/inbox/1", .sharedSubscriptionsNotSupported),
                ("$share/g/group/+", .sharedSubscriptionsNotSupported),
                ("$share/g/group/7", .sharedSubscriptionsNotSupported),
                ("$share/g/direct/#", .sharedSubscriptionsNotSupported),
                ("$share/g/presence/1", .sharedSubscriptionsNotSupported), ("$share/g/$SYS/#", .notAuthorized),
            ]
            for (filter, reason) in cases {
                let suback = try client.subscribe(filter, qos: .atMostOnce)
                let expected = version == .v5 || !reason.isError ? reason : .unspecifiedError
                try checkEqual(suback.reasons, [expected], filter)
            }
        }
    }

    /// `#` is about plain topics, also for somebody who reads conversations.
    @Test func wildcardsLeaveConversationsOut() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(7)])
            let client = try TestClient(hub, user: 1, acl: AccessList(all: ["#"]))
            try client.subscribe("$share/g/#", "$share/g/+/+")
            try client.publish("group/7", "hi", qos: .atLeastOnce)
            _ = try client.receivePuback()
            try client.publish("app/x", "1", qos: .atMostOnce)
            for _ in 0..<2 { try checkEqual(try client.receive().topic, "app/x") }
            try client.expectNothing()
        }
    }

    /// A message goes past members that may not have it, or for whose client it is too large.
    @Test(arguments: shardCounts) func unfitMembers(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            hub.rights.set(1)
            let acl = AccessList(subscribe: ["#"], deny: ["work/secret"])
            let denied = try TestClient(hub, user: 1, id: "denied", acl: acl)
            let small = try TestClient(port: hub.ports[shards - 1])
            var connect = Connect(version: .v5, cleanStart: true)
            connect.clientID = Array("small".utf8)
            connect.packetBytesMax = 100
            var bytes: [UInt8] = []
            ClientPacket.encodeConnect(into: &bytes, connect)
            try small.send(bytes)
            try checkEqual(try small.receiveConnack(), .success)
            let writer = try writer(hub)
            for qos in [QoS.atLeastOnce, .atMostOnce] {
                for member in [denied, small] { try member.subscribe("$share/g/work/#", qos: qos) }
                for _ in 0..<2 {
                    try writer.publish("work/secret", "small", qos: qos)
                    try writer.publish("work/open", String(repeating: "x", count: 200), qos: qos)
                }
                for _ in 0..<2 {
                    let one = try small.receive(), other = try denied.receive()
                    try checkEqual([one.topic, other.topic], ["work/secret", "work/open"])
                    for (client, delivery) in [(small, one), (denied, other)] where delivery.packetID != 0 {
                        try client.acknowledge(delivery.packetID)
                    }
                }
                // Nobody can take it: it is lost, and holds nothing up.
                let dropped = hub.hub.metrics.dropped.current
                try writer.publish("work/secret", String(repeating: "x", count: 200), qos: qos)
                try waitUntil("it is dropped") { hub.hub.metrics.dropped.current == dropped + 1 }
                for member in [denied, small] { try member.expectNothing() }
            }
        }
    }

    /// A normal subscription gets its copy besides (§4.8.2), each with its own identifier.
    @Test(arguments: shardCounts) func copyForEachSubscription(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let client = try TestClient(hub, user: nil, id: "both")
            for (number, filter) in ["work/x", "$share/g/work/x", "$share/h/work/x", "work/#"].enumerated() {
                var subscribe = Subscribe(packetID: 1)
                subscribe.entries = [
                    Subscribe.Entry(filter: Array(filter.utf8), options: SubscriptionOptions(qos: .atMostOnce))
                ]
                subscribe.subscriptionID = UInt32(number + 1)
                var bytes: [UInt8] = []
                ClientPacket.encodeSubscribe(into: &bytes, version: .v5, subscribe)
                try client.send(bytes)
                _ = try client.next()
            }
            let writer = try writer(hub)
            try writer.publish("work/x", "hi", qos: .atLeastOnce)
            var identifiers: [[UInt32]] = []
            for _ in 0..<3 { identifiers.append(try client.receiveIdentifiers()) }
            try checkEqual(identifiers.sorted { $0[0] < $1[0] }, [[1, 4], [2], [3]])
            try client.expectNothing()
        }
    }

    /// A persistent session is a member again when it is back.
    @Test(arguments: shardCounts) func persistentMembers(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let other = try members(hub, 1)[0], writer = try writer(hub)
            for isResumed in [false, true] {
                let client = try TestClient(
                    hub, shard: shards - 1, user: nil, id: "p", isClean: false, expirySeconds: 100)
                try check(client.sessionPresent == isResumed, "session present")
                if !isResumed { try client.subscribe("$share/g/work/+") }
                try writer.publish(0..<4, qos: .atLeastOnce)
                try checkEqual((try client.take(2) + other.take(2)).sorted(), [0, 1, 2, 3])
                try client.disconnect()
                try waitUntil("the session is saved") { hub.sessions.all.contains { $0.leftWithExpiry != nil } }
                try writer.publish(4..<6, qos: .atLeastOnce)
                try checkEqual(try other.take(2).sorted(), [4, 5])
            }
        }
    }

    /// Who does not read gets what its connection holds; the others get the rest at once, and that when it is gone.
    @Test(arguments: shardCounts) func memberThatDoesNotRead(_ shards: Int) async throws {
        try await onThread {
            let hub = try TestHub(shards: shards)
            let slow = try TestClient(port: hub.ports[0], receiveBufferBytes: 8192)
            try slow.sendConnect(user: nil, id: "slow")
            _ = try slow.receiveConnack()
            try slow.subscribe("$share/g/work/+")
            let quick = try TestClient(hub, shard: shards - 1, user: nil, id: "quick")
            try quick.subscribe("$share/g/work/+")
            let writer = try writer(hub), padding = String(repeating: " ", count: 100_000)
            var seen: Set<String> = []
            for number in 0..<100 {
                try writer.publish("work/x", "\(number)" + padding, qos: .atLeastOnce)
                _ = try writer.receivePuback()
            }
            func takeOne() throws {
                let delivery = try quick.receive()
                seen.insert(delivery.payload.trimmed)
                try quick.acknowledge(delivery.packetID)
            }
            while seen.count < 80 { try takeOne() }
            slow.abort()
            while seen.count < 100 { try takeOne() }
            try quick.expectNothing()
            try checkEqual(hub.hub.metrics.dropped.current, 0)
        }
    }
}

extension String {
    fileprivate var trimmed: String { String(prefix { $0 != " " }) }
}
