import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// protocol.md §2 "message_notification".
@Suite struct NoticeTests {
    /// Users 1 and 2 are members of group 70 and have read nothing of it.
    private func makeHub(members: Int64 = 2) throws -> TestHub {
        let hub = try TestHub(shards: 2)
        for user in Int64(1)...2 {
            hub.rights.set(user, groups: [TestRights.group(70, lastSeq: 0, memberCount: members)])
        }
        return hub
    }

    private func expectNotice(_ delivery: TestClient.Delivery, unread: Int, _ preview: String) throws {
        try checkEqual(delivery.topic, "inbox/2")
        try checkEqual(delivery.qos, .atMostOnce)
        try expectTrue(
            delivery.payload.hasPrefix(#"{"type":"message_notification","topic":"inbox/2","from":"1","#),
            delivery.payload)
        let body = #""body":{"topic":"group/70","seq":\#(unread),"unread":\#(unread),"preview":"\#(preview)"}}"#
        try expectTrue(delivery.payload.hasSuffix(body), delivery.payload)
    }

    private func expectTrue(_ condition: Bool, _ text: String) throws {
        try checkEqual(condition ? "" : text, "")
    }

    @Test func whoCoversTheInboxOnlyIsNotified() async throws {
        try await onThread {
            let hub = try makeHub()
            let writer = try TestClient(hub, user: 1, id: "a"), reader = try TestClient(hub, shard: 1, user: 2, id: "b")
            let open = try TestClient(hub, shard: 1, user: 2, id: "c")
            try writer.subscribe("inbox/1")
            try reader.subscribe("inbox/2")
            for filter in ["inbox/2", "group/70"] { try open.subscribe(filter) }
            try waitUntil("what was unread before has been read") { hub.unread.subscriberCount == 3 }
            try writer.publish("group/70", "one")
            try expectNotice(try reader.receive(), unread: 1, "one")
            try checkEqual(try open.receive().topic, "group/70")
            try open.expectNothing()
            // Within the second nothing, then the newest state.
            try writer.publish("group/70", "two")
            try writer.publish("group/70", "three")
            try expectNotice(try reader.receive(), unread: 3, "three")
            try reader.expectNothing()
            try checkEqual(hub.unread.questions, [1, 1])
        }
    }

    @Test func nobodyIsAskedAboutWhereNobodyListens() async throws {
        try await onThread {
            let hub = try makeHub()
            let writer = try TestClient(hub, user: 1, id: "a"), reader = try TestClient(hub, user: 2, id: "b")
            try reader.subscribe("#")
            try writer.publish("group/70", "one")
            try checkEqual(try reader.receive().topic, "group/70")
            try checkEqual(hub.unread.questions, [])
        }
    }

    @Test func aLargeGroupNotifiesTheMentioned() async throws {
        try await onThread {
            let hub = try makeHub(members: 201)
            let writer = try TestClient(hub, user: 1, id: "a"), reader = try TestClient(hub, user: 2, id: "b")
            try reader.subscribe("inbox/2")
            try waitUntil("what was unread before has been read") { hub.unread.subscriberCount == 1 }
            try writer.publish("group/70", "one")
            try checkEqual(try writer.receivePuback().reason, .success)
            try writer.publish("group/70", #"{"text":"two","mentions":["2"]}"#)
            try expectNotice(try reader.receive(), unread: 2, "two")
        }
    }

    @Test func subscribingTellsWhatIsUnread() async throws {
        try await onThread {
            let hub = try makeHub()
            let writer = try TestClient(hub, user: 1, id: "a")
            try writer.publish("group/70", "one")
            try checkEqual(try writer.receivePuback().reason, .success)
            let reader = try TestClient(hub, shard: 1, user: 2, id: "b")
            try reader.subscribe("inbox/+")
            try expectNotice(try reader.receive(), unread: 1, "one")
            try reader.expectNothing()
        }
    }

    @Test func pairsAreBoundedAndForgotten() {
        var notices = Notices()
        for user in 0..<Int64(Limits.noticesMax) + 10 { notices.note(Notices.Pair(userID: user, topicID: 1), now: 0) }
        var count = 0
        while case let pairs = notices.takeDue(), !pairs.isEmpty {
            count += pairs.count
            notices.isAsking = false
        }
        #expect(count == Limits.noticesMax)
        notices.note(Notices.Pair(userID: 1, topicID: 1), now: 500)
        #expect(notices.takeDue().isEmpty)
        notices.tick(now: Limits.noticeMilliseconds)
        #expect(notices.takeDue() == [Notices.Pair(userID: 1, topicID: 1)])
        notices.tick(now: 2 * Limits.noticeMilliseconds)
        #expect(notices.isEmpty)
    }
}
