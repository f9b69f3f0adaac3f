import Identity
import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// What a client can make the hub do by asking again and again, and by asking for very much at once.
@Suite(.serialized) struct RequestLimitTests {
    private func waitForPause(_ hub: TestHub, after pauses: Int) throws {
        try waitUntil("it is read no further") { hub.observed.pauses.load(ordering: .acquiring) > pauses }
    }

    // MARK: Again and again

    @Test func subscriptionsThatWaitToBeSaved() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let client = try TestClient(
                hub, user: 1, isClean: false, expirySeconds: 100, acl: AccessList(all: ["t/#"]))
            let pauses = hub.observed.pauses.load(ordering: .acquiring)
            hub.sessions.subscriptionSaves.close()
            var packets: [UInt8] = []
            for number in 0..<100 { packets += client.subscribePacket(["t/\(number % 3)"], qos: .atMostOnce) }
            try client.send(packets)
            try waitForPause(hub, after: pauses)
            hub.sessions.subscriptionSaves.open()
            for number in 1...100 {
                guard case .suback(let suback) = try client.next() else { throw CheckFailure(description: "no SUBACK") }
                try checkEqual(Int(suback.packetID), number)
            }
            try client.expectNothing()
        }
    }

    /// The subscription is stored, and SUBACK waits until the session is.
    @Test func subacksThatAreHeld() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let client = try TestClient(
                hub, user: 1, isClean: false, expirySeconds: 100, acl: AccessList(all: ["t/#"]))
            let pauses = hub.observed.pauses.load(ordering: .acquiring)
            hub.sessions.stateSaves.close()
            for number in 1...Limits.requestsMax {
                try client.sendSubscribe(["t/\(number)"], qos: .atMostOnce)
                try waitUntil("it is stored") {
                    hub.sessions.all.first?.stored.subscriptions.count == number
                }
            }
            try waitForPause(hub, after: pauses)
            hub.sessions.stateSaves.open()
            for _ in 1...Limits.requestsMax {
                guard case .suback = try client.next() else { throw CheckFailure(description: "no SUBACK") }
            }
            try client.expectNothing()
        }
    }

    @Test func tokensThatAreLookedUp() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.botTokens.withLock { $0 = [70] }
            let now = hub.clock.milliseconds / 1000
            let token = TestHub.authority.mint(userID: 1, sessionID: nil, botTokenID: 70, scopes: .bot, now: now)
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: nil, id: "c") {
                $0.authenticationMethod = Array("JWT".utf8)
                $0.authenticationData = Array(token.utf8)
            }
            try checkEqual(try client.receiveConnack(), .success)
            let pauses = hub.observed.pauses.load(ordering: .acquiring)
            hub.rights.admissions.close()
            for _ in 0..<40 { try client.sendAuth(token: Array(token.utf8)) }
            try waitForPause(hub, after: pauses)
            try waitUntil("those that were read are looked up") {
                hub.rights.admissions.waitingCount == Limits.requestsMax
            }
            hub.rights.admissions.open()
            for _ in 0..<40 {
                guard case .auth = try client.next() else { throw CheckFailure(description: "no AUTH") }
            }
            try client.expectNothing()
        }
    }

    /// One question is under way, and one more is asked for all that came meanwhile.
    @Test func whatIsToldAfterASubscription() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, directs: [TestRights.direct(2, topicID: 9)])
            let client = try TestClient(hub, user: 1)
            hub.unread.subscribes.close()
            hub.reads.lastSeenGate.close()
            for _ in 0..<50 { try client.subscribe("inbox/1", "presence/+") }
            try waitUntil("it is asked") {
                hub.unread.subscribes.waitingCount > 0 && hub.reads.lastSeenGate.waitingCount > 0
            }
            hub.unread.subscribes.open()
            hub.reads.lastSeenGate.open()
            try waitUntil("it is asked again") { hub.unread.subscriberCount >= 2 && hub.reads.lastSeenCount >= 2 }
            for _ in 0..<100 { try client.expectNothing() }
            try checkEqual(hub.unread.subscriberCount, 2)
            try checkEqual(hub.reads.lastSeenCount, 2)
            // Later it is asked at once.
            try client.subscribe("inbox/1")
            try waitUntil("it is asked once more") { hub.unread.subscriberCount == 3 }
        }
    }

    /// While the session is saved the first PUBREL waits; another one would say the same.
    @Test func repeatedPubrec() async throws {
        try await onThread {
            let hub = try TestHub()
            for user in Int64(1)...2 { hub.rights.set(user, groups: [TestRights.group(70)]) }
            let reader = try TestClient(hub, user: 1, id: "r", isClean: false, expirySeconds: 100)
            try reader.subscribe("group/70", qos: .exactlyOnce)
            let writer = try TestClient(hub, user: 2, id: "w")
            try writer.publish("group/70", "1")
            let packetID = try reader.receive().packetID
            hub.sessions.stateSaves.close()
            for _ in 0..<20 { try reader.answer(.pubrec, packetID) }
            try reader.expectNothing()
            try waitUntil("its session is being saved") { hub.sessions.stateSaves.waitingCount == 1 }
            hub.sessions.stateSaves.open()
            guard case .pubrel = try reader.next() else { throw CheckFailure(description: "no PUBREL") }
            try reader.expectNothing()
            // One that comes later is answered: the client may have missed it.
            try reader.answer(.pubrec, packetID)
            guard case .pubrel = try reader.next() else { throw CheckFailure(description: "no PUBREL") }
        }
    }

    // MARK: Much at once

    /// As many subscriptions as may be.
    private func fullClient(_ hub: TestHub) throws -> TestClient {
        let client = try TestClient(hub, user: nil)
        try client.sendSubscribe((0..<Limits.subscriptionsMax).map { "s/\($0)" })
        guard case .suback = try client.next() else { throw CheckFailure(description: "no SUBACK") }
        return client
    }

    /// Else this would take longer than a client waits.
    @Test func aLongUnsubscribe() async throws {
        try await onThread {
            let hub = try TestHub(), client = try fullClient(hub)
            var unsubscribe = Unsubscribe(packetID: 7)
            let known = ["s/5", "s/999", "s/5"].map { Array($0.utf8) }
            unsubscribe.filters = Array(repeating: Array("abc".utf8), count: 200_000) + known + [[]]
            var bytes: [UInt8] = []
            ClientPacket.encodeUnsubscribe(into: &bytes, version: .v5, unsubscribe)
            try client.send(bytes)
            guard case .unsuback(let unsuback) = try client.next() else {
                throw CheckFailure(description: "no UNSUBACK")
            }
            try checkEqual(unsuback.reasons.count, 200_004)
            try checkEqual(unsuback.reasons.prefix(200_000).allSatisfy { $0 == .noSubscriptionExisted }, true)
            try checkEqual(
                Array(unsuback.reasons.suffix(4)), [.success, .success, .noSubscriptionExisted, .topicFilterInvalid])
        }
    }

    @Test func aLongSubscribe() async throws {
        try await onThread {
            let hub = try TestHub(), client = try fullClient(hub)
            var subscribe = Subscribe(packetID: 7)
            let options = SubscriptionOptions(qos: .atMostOnce, retainHandling: .sendIfNew)
            subscribe.entries = Array(
                repeating: Subscribe.Entry(filter: Array("s/999".utf8), options: options), count: 120_000)
            var bytes: [UInt8] = []
            ClientPacket.encodeSubscribe(into: &bytes, version: .v5, subscribe)
            try client.send(bytes)
            guard case .suback(let suback) = try client.next() else { throw CheckFailure(description: "no SUBACK") }
            let granted = Limits.filtersPerPacketMax
            try checkEqual(suback.reasons.prefix(granted).allSatisfy { $0 == .grantedQoS0 }, true)
            try checkEqual(suback.reasons.dropFirst(granted).allSatisfy { $0 == .quotaExceeded }, true)
        }
    }
}
