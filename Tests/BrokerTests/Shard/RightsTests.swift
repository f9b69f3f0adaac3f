import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// Rights in memory follow the log, in whatever order and at whatever moment its entries come.
@Suite(.serialized) struct RightsTests {
    private let group = StoredTopic.testGroup(70)
    private let added = RightsChange.memberAdded(user: 1, role: .member, announcement: false)
    private let removed = RightsChange.memberRemoved(user: 1)

    /// The rights are read, then changes are committed, then the rights arrive.
    @Test(arguments: [(isMember: false, isRemovedLast: false), (false, true), (true, false), (true, true)])
    func changesWhileLoading(_ isMember: Bool, _ isRemovedLast: Bool) async throws {
        try await onThread {
            let hub = try TestHub()
            _ = hub.log.store(group, "first")
            hub.rights.set(1, groups: isMember ? [TestRights.group(70, lastSeq: 1)] : [])
            hub.rights.loads.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: 1, id: "c")
            try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
            var changes = isMember ? [removed, added] : [added]
            if isRemovedLast { changes.append(removed) }
            for change in changes { hub.log.announce(hub.log.store(group, "change", change)) }
            try hub.settle()
            hub.rights.loads.open()
            try checkEqual(try client.receiveConnack(), .success)
            try checkEqual(try client.subscribe("group/70").reasons, [isRemovedLast ? .notAuthorized : .grantedQoS1])
        }
    }

    /// Nobody here reads the group, so nothing tells that an entry is missing.
    @Test func removalOvertakesAdmission() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let client = try TestClient(hub, user: 1)
            try client.subscribe("group/+")
            let first = hub.log.store(group, "added", added), second = hub.log.store(group, "removed", removed)
            hub.log.announce(second, first)
            hub.log.announce(hub.log.store(group, "secret"))
            try client.expectNothing()
            try checkEqual(try client.subscribe("group/70").reasons, [.notAuthorized])
            hub.log.announce(hub.log.store(group, "added again", added))
            try checkEqual(try client.receiveSeqs(1), [4])
        }
    }

    /// What takes access away does not wait for an entry that is missing before it: that one is not delivered any more either.
    @Test func removalBehindAGap() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(70)])
            let client = try TestClient(hub, user: 1)
            try client.subscribe("group/70")
            let missing = hub.log.store(group, "secret"), removal = hub.log.store(group, "removed", removed)
            hub.log.announce(removal)
            try hub.settle()
            try client.publish("group/70", "still here?")
            try checkEqual(try client.receivePuback().reason, .notAuthorized)
            hub.log.announce(missing)
            try client.expectNothing()
            try checkEqual(try client.subscribe("group/70").reasons, [.notAuthorized])
        }
    }

    /// The removal is announced while the user is not here, and the admission before it comes when the rights are loaded already.
    @Test func removalOutlivesItsUser() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let admission = hub.log.store(group, "added", added)
            hub.log.announce(hub.log.store(group, "removed", removed))
            try hub.settle()
            let client = try TestClient(hub, user: 1)
            try client.subscribe("group/+")
            hub.log.announce(admission, hub.log.store(group, "secret"))
            try client.expectNothing()
            try checkEqual(try client.subscribe("group/70").reasons, [.notAuthorized])
        }
    }

    /// The admission of somebody who is known as a member: a removal that is not announced yet came before. The session begins anew with it,
    /// as it does when the rights are loaded again.
    @Test func admissionOvertakesRemoval() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(70)])
            hub.rights.loads.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: 1, id: "c", isClean: false, expirySeconds: 100)
            try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
            let removal = hub.log.store(group, "removed", removed)
            hub.log.announce(hub.log.store(group, "added again", added))
            try hub.settle()
            hub.rights.loads.open()
            try checkEqual(try client.receiveConnack(), .success)
            try client.subscribe("group/70", qos: .exactlyOnce)
            hub.log.announce(removal, hub.log.store(group, "hello"))
            let delivery = try client.receive()
            client.cut()
            hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 3, joinedSeq: 2)])
            let next = try TestClient(hub, user: 1, isClean: false, expirySeconds: 100)
            let again = try next.receive()
            try checkEqual([delivery.seq, again.seq], [3, 3])
            try checkEqual(again.packetID, delivery.packetID)
        }
    }

    /// Rights that were read after an admission of which this shard has not heard: what was said before it is not delivered.
    @Test func deliveriesBeginWithTheAdmission() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(2, groups: [TestRights.group(70)])
            let other = try TestClient(hub, user: 2, id: "other")
            try other.subscribe("group/70")
            let earlier = hub.log.store(group, "secret"), admission = hub.log.store(group, "added", added)
            hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 2, joinedSeq: 2)])
            let client = try TestClient(hub, user: 1)
            try client.subscribe("group/70")
            hub.log.announce(earlier, admission)
            try checkEqual(try client.receiveSeqs(1), [2])
            try checkEqual(try other.receiveSeqs(2), [1, 2])
        }
    }

    /// What was not announced is read, but nobody can tell from it who may read on: all who may be concerned go before it is delivered,
    /// and nothing that was known of their rights stays.
    @Test func aGapInWhichRightsChange() async throws {
        try await onThread {
            let hub = try TestHub()
            for user in [Int64(1), 2] { hub.rights.set(user, groups: [TestRights.group(70)]) }
            let member = try TestClient(hub, user: 1)
            try member.subscribe("group/70")
            hub.rights.loads.close()
            let waiting = try [Int64(1), 2].map { user in
                let client = try TestClient(port: hub.ports[0])
                try client.sendConnect(user: user, id: "waits")
                return client
            }
            try waitUntil("both read their rights") { hub.rights.loads.waitingCount == 2 }
            var removal = hub.log.store(group, "removed", removed)
            removal.change = nil
            hub.rights.set(1)
            let secret = hub.log.store(group, "secret")
            hub.mailroom.post(.gapRead(topicID: 70, before: 3, [removal, secret]), to: 0)
            try checkEqual(try member.receiveDisconnect(), .serverBusy)
            for client in waiting { try checkEqual(try client.receiveConnack(), .serverBusy) }
            let next = try TestClient(port: hub.ports[0])
            try next.sendConnect(user: 1, id: "next")
            try waitUntil("it reads its rights") { hub.rights.loads.waitingCount == 3 }
            hub.rights.loads.open()
            try checkEqual(try next.receiveConnack(), .success)
            try checkEqual(try next.subscribe("group/70").reasons, [.notAuthorized])
        }
    }

    @Test func endOfFriendshipOvertakesItsBeginning() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.loads.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: 1, id: "c")
            try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
            let inbox = StoredTopic.testInbox(1)
            let first = hub.log.store(inbox, "accepted", .friendAdded(friend: 2, topicID: 90, lastSeq: 0))
            let second = hub.log.store(inbox, "removed", .friendRemoved(friend: 2))
            hub.log.announce(second, first)
            try hub.settle()
            hub.rights.loads.open()
            try checkEqual(try client.receiveConnack(), .success)
            try client.publish("direct/1/2", "x")
            try checkEqual(try client.receivePuback().reason, .notAuthorized)
            try checkEqual(try client.subscribe("direct/1/2").reasons, [.grantedQoS1])
        }
    }

    /// Another user's rights, read after the admission, make the topic known here before the admission is announced.
    @Test func lateAdmissionIsDelivered() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            let client = try TestClient(hub, user: 1)
            try client.subscribe("group/+")
            let entry = hub.log.store(group, "added", added)
            hub.rights.set(2, groups: [TestRights.group(70, lastSeq: 1)])
            let other = try TestClient(hub, user: 2, id: "other")
            hub.log.announce(entry)
            try checkEqual(try client.receiveSeqs(1), [1])
            _ = other
        }
    }

    /// The last reader goes while an entry that admits somebody else waits for the one before it.
    @Test func earlyAdmissionOutlivesItsTopic() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.set(2, groups: [TestRights.group(70)])
            let client = try TestClient(hub, user: 1)
            try client.subscribe("group/+")
            let other = try TestClient(hub, user: 2, id: "other")
            let first = hub.log.store(group, "removed", .memberRemoved(user: 2)),
                second = hub.log.store(group, "added", added)
            hub.log.announce(second, first)
            try checkEqual(try client.receiveSeqs(1), [2])
            _ = other
        }
    }

    /// protocol.md §3.6: a log-out that comes while the client is being connected ends it too.
    @Test func logOutWhileConnecting() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.loads.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: 1, id: "c", loginSession: 5)
            try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
            hub.mailroom.sessionRevoked(5)
            try hub.settle()
            hub.rights.loads.open()
            try checkEqual(try client.receiveConnack(), .notAuthorized)
            try client.expectEnd()
        }
    }

    @Test func logOutWhileConnected() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            hub.rights.set(1)
            let ended = try TestClient(hub, shard: 1, user: 1, loginSession: 5)
            let other = try TestClient(hub, shard: 1, user: 1, id: "other", loginSession: 6)
            hub.mailroom.sessionRevoked(5)
            try checkEqual(try ended.receiveDisconnect(), .notAuthorized)
            try ended.expectEnd()
            try other.expectNothing()
        }
    }

    @Test func friendsComeAndGo() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.set(2)
            let one = try TestClient(hub, user: 1, id: "one"), two = try TestClient(hub, user: 2, id: "two")
            try one.subscribe("direct/+/+")
            try checkEqual(try one.subscribe("direct/1/2").reasons, [.notAuthorized])
            for (owner, friend) in [(Int64(1), Int64(2)), (2, 1)] {
                hub.log.announce(
                    hub.log.store(
                        .testInbox(owner), "accepted", .friendAdded(friend: friend, topicID: 90, lastSeq: 0)))
            }
            try two.publish("direct/1/2", "hi")
            try checkEqual(try two.receivePuback().reason, .success)
            try checkEqual(try one.receiveSeqs(1), [1])
            for (owner, friend) in [(Int64(1), Int64(2)), (2, 1)] {
                hub.log.announce(hub.log.store(.testInbox(owner), "removed", .friendRemoved(friend: friend)))
            }
            try two.publish("direct/1/2", "still there?")
            try checkEqual(try two.receivePuback().reason, .notAuthorized)
            try checkEqual(try one.subscribe("direct/1/2").reasons, [.grantedQoS1], "read for ever")
        }
    }

    @Test func announcementGroups() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(70)])
            hub.rights.set(2, groups: [TestRights.group(70, role: .admin)])
            let member = try TestClient(hub, user: 1, id: "m"), admin = try TestClient(hub, user: 2, id: "a")
            hub.log.announce(hub.log.store(group, "quiet", .announcementChanged(true)))
            try member.publish("group/70", "x")
            try checkEqual(try member.receivePuback().reason, .notAuthorized)
            try admin.publish("group/70", "x")
            try checkEqual(try admin.receivePuback().reason, .success)
            hub.log.announce(hub.log.store(group, "role", .roleChanged(user: 1, role: .admin)))
            try member.publish("group/70", "x")
            try checkEqual(try member.receivePuback().reason, .success)
        }
    }
}
