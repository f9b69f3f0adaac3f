import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// protocol.md §2 "Signals": typing, read receipts, presence.
@Suite struct SignalTests {
    /// Users 1 to 3 are members of group 70; 1 and 2 are friends.
    private func makeHub(shards: Int = 2, members: Int64 = 3) throws -> TestHub {
        let hub = try TestHub(shards: shards)
        for user in Int64(1)...3 {
            hub.rights.set(
                user, groups: [TestRights.group(70, lastSeq: 5, memberCount: members)],
                directs: user > 2
                    ? []
                    : [TestRights.direct(3 - user, topicID: 800)])
        }
        for number in 1...5 { _ = hub.log.store(.testGroup(70), "\(number)") }
        return hub
    }

    private func body(_ delivery: TestClient.Delivery) -> String {
        String(delivery.payload.drop { $0 != "b" }.drop { $0 != "{" }.dropLast())
    }

    @Test func typing() async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, user: 1, id: "a"), second = try TestClient(hub, shard: 1, user: 2, id: "b")
            let own = try TestClient(hub, shard: 1, user: 1, id: "c")
            for client in [first, second, own] { try client.subscribe("group/70/typing") }
            hub.rights.set(9)
            let stranger = try TestClient(hub, user: 9, id: "d")
            try checkEqual(try stranger.subscribe("group/70/typing").reasons, [.notAuthorized])
            // The same within two seconds is dropped; a change passes.
            try first.publish("group/70/typing", "{}", qos: .atLeastOnce)
            try first.publish("group/70/typing", #"{"state":"started"}"#, qos: .atMostOnce)
            try checkEqual(try first.receivePuback().reason, .success)
            for client in [second, own] {
                let delivery = try client.receive()
                try checkEqual(delivery.topic, "group/70/typing")
                try checkEqual(body(delivery), #"{"state":"started"}"#)
                try check(
                    delivery.payload.contains(#""type":"typing","topic":"group/70","from":"1","#), delivery.payload)
                try checkEqual(delivery.qos, .atMostOnce)
            }
            try first.publish("group/70/typing", #"{"state":"stopped"}"#, qos: .atMostOnce)
            try checkEqual(body(try second.receive()), #"{"state":"stopped"}"#)
            try first.expectNothing()
            for payload in ["", "hi", #"{"state":"thinking"}"#, #"{"x":1}"#] {
                try first.publish("group/70/typing", payload)
                try checkEqual(try first.receivePuback().reason, .payloadFormatInvalid)
            }
        }
    }

    @Test func nobodyIsToldWhoTypesInALargeGroup() async throws {
        try await onThread {
            let hub = try makeHub(members: 101)
            let first = try TestClient(hub, user: 1, id: "a"), second = try TestClient(hub, user: 2, id: "b")
            let own = try TestClient(hub, shard: 1, user: 1, id: "c")
            for client in [first, second, own] { try client.subscribe("group/70/#") }
            try first.publish("group/70/typing", "{}")
            try checkEqual(try first.receivePuback().reason, .success)
            try first.publish("group/70/read", #"{"seq":3}"#)
            // Only the reader's own sessions hear of it.
            try checkEqual(body(try own.receive()), #"{"seq":3}"#)
            try second.expectNothing()
        }
    }

    @Test func readReceipts() async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, user: 1, id: "a"), second = try TestClient(hub, shard: 1, user: 2, id: "b")
            try second.subscribe("+/+/read")
            for (payload, told) in [(#"{"seq":3}"#, 3), (#"{"seq":2}"#, nil), (#"{"seq":99}"#, 5)] as [(String, Int?)] {
                try first.publish("group/70/read", payload)
                try checkEqual(try first.receivePuback().reason, .success)
                guard let told else { continue }
                let delivery = try second.receive()
                try checkEqual(delivery.topic, "group/70/read")
                try checkEqual(body(delivery), "{\"seq\":\(told)}")
            }
            try second.expectNothing()
            for payload in ["{}", #"{"seq":"3"}"#, #"{"seq":-1}"#] {
                try first.publish("group/70/read", payload)
                try checkEqual(try first.receivePuback().reason, .payloadFormatInvalid)
            }
            try first.publish("group/71/read", #"{"seq":3}"#)
            try checkEqual(try first.receivePuback().reason, .notAuthorized)
        }
    }

    @Test func presence() async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, user: 1, id: "a")
            first.hidesPresence = false
            try first.subscribe("presence/+")
            // Its own, as a retained value; the friend was never there.
            let own = try first.receive()
            try check(own.topic == "presence/1" && own.retain && own.payload.contains(#""status":"online""#), "\(own)")
            let second = try TestClient(hub, shard: 1, user: 2, id: "b")
            let came = try first.receive()
            try check(came.topic == "presence/2" && !came.retain && came.payload.contains("online"), "\(came)")
            // The best of all connections counts.
            let telephone = try TestClient(hub, user: 2, id: "t")
            try second.publish("presence/2", #"{"status":"away"}"#)
            try checkEqual(try second.receivePuback().reason, .success)
            try first.expectNothing()
            try telephone.sendDisconnect(.normalDisconnection)
            try check(try first.receive().payload.contains("away"), "only the one that is away is left")
            try second.sendDisconnect(.normalDisconnection)
            try check(try first.receive().payload.contains("offline"), "none is left")
            // What is kept says so to who comes later.
            let again = try TestClient(hub, user: 1, id: "later")
            again.hidesPresence = false
            try again.subscribe("presence/2")
            let kept = try again.receive()
            try check(kept.retain && kept.payload.contains("offline"), "\(kept)")
            for (topic, payload, reason) in [
                ("presence/2", #"{"status":"away"}"#, ReasonCode.notAuthorized),
                ("presence/1", #"{"status":"offline"}"#, .payloadFormatInvalid),
            ] {
                try first.publish(topic, payload)
                try checkEqual(try first.receivePuback().reason, reason)
            }
            // User 3 is a member of the same group, and no friend.
            let third = try TestClient(hub, user: 3, id: "x")
            try checkEqual(try third.subscribe("presence/1").reasons, [.notAuthorized])
        }
    }

    @Test func aLostConnectionHasTenSeconds() {
        let board = PresenceBoard()
        let now: Int64 = 1_000_000
        #expect(board.set(.online, of: 1, 7, friends: [2], now: now)?.presence.status == .online)
        #expect(board.remove(7, of: 1, isClean: false, friends: [2], now: now) == nil)
        #expect(board.presence(of: 1, now: now) == Presence(status: .online, lastSeenAt: now))
        // Back in time: nobody hears of it.
        #expect(board.set(.online, of: 1, 8, friends: [2], now: now + 9_000) == nil)
        #expect(board.expire(now: now + 20_000).isEmpty)
        #expect(board.remove(8, of: 1, isClean: false, friends: [2], now: now + 30_000) == nil)
        #expect(board.expire(now: now + 39_999).isEmpty)
        let changes = board.expire(now: now + 40_000)
        #expect(
            changes == [
                PresenceBoard.Change(
                    user: 1, presence: Presence(status: .offline, lastSeenAt: now + 30_000), friends: [2])
            ])
        #expect(board.presence(of: 1, now: now + 40_000) == nil)
        #expect(board.remove(8, of: 1, isClean: true, friends: [], now: now) == nil, "it was gone already")
    }
}
