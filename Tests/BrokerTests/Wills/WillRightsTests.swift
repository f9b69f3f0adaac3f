import Identity
import MQTT
import Testing
import Topics

@testable import Broker
@testable import Persistence

/// A will is checked at CONNECT, and again when it is sent (security.md "Sessions").
@Suite(.serialized) struct WillRightsTests {
    private let group = StoredTopic.testGroup(70)

    private func makeHub() throws -> TestHub {
        let hub = try TestHub()
        hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 3), TestRights.group(71, announcement: true)])
        return hub
    }

    struct Case {
        var topic: String
        var payload = "gone"
        var reason: ReasonCode
        var isAnonymous = false
    }

    static let cases: [Case] = [
        Case(topic: "app/x", reason: .success), Case(topic: "app/secret", reason: .notAuthorized),
        Case(topic: "other", reason: .notAuthorized), Case(topic: "other", reason: .success, isAnonymous: true),
        Case(topic: "group/70", reason: .success), Case(topic: "group/70", reason: .notAuthorized, isAnonymous: true),
        Case(topic: "group/71", reason: .notAuthorized), Case(topic: "group/72", reason: .notAuthorized),
        Case(topic: "direct/1/2", reason: .notAuthorized), Case(topic: "direct/2/3", reason: .notAuthorized),
        Case(topic: "direct/2/1", reason: .topicNameInvalid), Case(topic: "group/070", reason: .topicNameInvalid),
        Case(topic: "group", reason: .topicNameInvalid), Case(topic: "inbox/x", reason: .topicNameInvalid),
        Case(topic: "inbox/1", reason: .notAuthorized), Case(topic: "presence/1", reason: .notAuthorized),
        Case(topic: "$SYS/x", reason: .notAuthorized), Case(topic: "group/70/typing", reason: .notAuthorized),
        Case(topic: "group/70/read", reason: .notAuthorized),
        Case(topic: "group/70", payload: "", reason: .payloadFormatInvalid),
        Case(topic: "group/70", payload: "{\"text\":1}", reason: .payloadFormatInvalid),
        Case(topic: "group/70", payload: "{\"text\":\"a\",\"reply_to\":4}", reason: .payloadFormatInvalid),
        Case(topic: "group/70", payload: "{\"text\":\"a\",\"reply_to\":3}", reason: .success),
    ]

    @Test(arguments: [ProtocolVersion.v3_1, .v3_1_1, .v5]) func atConnect(_ version: ProtocolVersion) async throws {
        try await onThread {
            let hub = try makeHub()
            let acl = AccessList(publish: ["app/#"], deny: ["app/secret"])
            for test in Self.cases {
                let client = try TestClient(port: hub.ports[0], version: version)
                try client.sendConnect(
                    user: test.isAnonymous ? nil : 1, id: "c", acl: acl,
                    will: WillTests.will(test.topic, payload: test.payload))
                // 3.x has one code for all of it.
                let expected = version == .v5 || test.reason == .success ? test.reason : .notAuthorized
                try checkEqual(try client.receiveConnack(), expected, "\(test)")
                if test.reason == .success { try client.disconnect() } else { try client.expectEnd() }
            }
            try waitUntil("no will is left") { hub.wills.isEmpty }
        }
    }

    @Test func ontoAConversationItIsAMessage() async throws {
        try await onThread {
            let hub = try makeHub()
            hub.rights.set(2, groups: [TestRights.group(70)])
            let reader = try TestClient(hub, user: 2, id: "r")
            try reader.subscribe("group/70")
            let client = try TestClient(
                hub, user: 1, isClean: false, expirySeconds: 100, will: WillTests.will("group/70", delay: 60))
            client.cut()
            try waitUntil("the end is recorded") { hub.wills.all.first?.dueAt != nil }
            hub.clock.advance(seconds: 61)
            let before = hub.clock.milliseconds
            let delivery = try reader.receive()
            try check(delivery.payload.contains("\"body\":{\"text\":\"gone\"}"), delivery.payload)
            let entry = hub.log.entries(of: group)[0]
            try checkEqual(entry.senderID, 1)
            try check(IDGenerator.milliseconds(of: entry.id) >= before, "it was sent when it was sent")
            try waitUntil("no will is left") { hub.wills.isEmpty }
        }
    }

    /// Whether it was stored is unknown, so the second attempt is the same entry.
    @Test func aSecondAttemptIsTheSameEntry() async throws {
        try await onThread {
            let hub = try makeHub()
            hub.log.hold()
            let client = try TestClient(hub, user: 1, will: WillTests.will("group/70"))
            client.cut()
            try waitUntil("it is appended") { hub.log.heldCount == 1 }
            let first = hub.log.takeHeld()[0]
            hub.log.refuse(first, .unavailable)
            hub.clock.advance(seconds: 2)
            try waitUntil("it is appended again") { hub.log.heldCount == 1 }
            let second = hub.log.takeHeld()[0]
            try checkEqual(first.append.id, second.append.id)
            try checkEqual(first.append.key, second.append.key)
            try checkEqual(hub.wills.all.first?.will.entryID, first.append.id)
            hub.log.finish(second, hub.log.store(second.append))
            try waitUntil("no will is left") { hub.wills.isEmpty }
        }
    }

    enum Loss: CaseIterable {
        case groupLeft, userDisabled, tokenNarrowed, tokenRenewed
    }

    /// The rights at the moment of sending count.
    @Test(arguments: Loss.allCases) func whenSent(_ loss: Loss) async throws {
        try await onThread {
            let hub = try makeHub()
            let reader = try TestClient(hub, user: nil, id: "r")
            try reader.subscribe("#")
            let topic = loss == .groupLeft ? "group/70" : "app/x"
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(
                user: 1, id: "c", acl: AccessList(all: ["app/#"]), will: WillTests.will(topic), hasMethod: true)
            try checkEqual(try client.receiveConnack(), .success)
            switch loss {
            case .groupLeft: hub.rights.set(1)
            case .userDisabled: hub.rights.set(1, isEnabled: false)
            case .tokenNarrowed, .tokenRenewed:
                let acl = AccessList(publish: ["app/#"], deny: loss == .tokenNarrowed ? ["app/x"] : [])
                try client.sendAuth(user: 1, acl: acl)
                guard case .auth = try client.next() else { throw CheckFailure(description: "no AUTH") }
            }
            client.cut()
            if loss == .tokenRenewed { try checkEqual(try reader.receive().topic, "app/x") }
            try waitUntil("no will is left") { hub.wills.isEmpty }
            try hub.settle()
            // The delivery was acknowledged by nobody, and is not repeated on a live connection.
            try reader.expectNothing()
            try check(hub.log.entries(of: group).isEmpty, "nothing was stored")
        }
    }

    @Test func itsMessageIsWhatConnectSaid() {
        var will = WillTests.will("a/b", payload: "x", qos: .exactlyOnce)
        will.retain = true
        will.messageExpirySeconds = 7
        will.forwardedProperties = [38, 0, 1, 98, 0, 1, 50, 38, 0, 1, 97, 0, 1, 49]
        let key = SessionKey(userID: 3, clientID: Array("me".utf8))
        let rules = AccessList(publish: ["app/${sub}/${clientid}"], deny: ["app/secret"])
        let stored = StoredWill(will, id: 9, key: key, sessionSeconds: 4, rules: rules)
        let message = stored.message(now: 1_000)
        #expect(message.topic == will.topic && message.payload == will.payload)
        #expect(message.qos == .exactlyOnce && message.retain && message.expiresAt == 8_000)
        #expect(message.forwarded == will.forwardedProperties)
        let mayPublish = ["app/3/me", "app/3/you", "app/secret"].map { topic in
            stored.accessRules.mayPublish(Array(topic.utf8).span)
        }
        #expect(mayPublish == [true, false, false])
        var damaged = stored
        damaged.rules = Array("{\"pub\":[\"#\"],\"deney\":[]}".utf8)
        let mayPublishMore = damaged.accessRules.mayPublish(will.topic.span)
        #expect(!mayPublishMore)
    }
}
