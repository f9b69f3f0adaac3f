import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// Sessions that outlive their connections, on whichever shard they come back.
@Suite(.serialized) struct SessionTests {
    private let group = StoredTopic.testGroup(70)

    private func makeHub() throws -> TestHub {
        let hub = try TestHub(shards: 2)
        for user in [Int64(1), 2] { hub.rights.set(user, groups: [TestRights.group(70)]) }
        return hub
    }

    @Test(arguments: [false, true]) func takeoverKeepsTheCursor(_ isSlow: Bool) async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, shard: 0, user: 1, isClean: false, expirySeconds: 100)
            try first.subscribe("group/70")
            for number in 1...5 { hub.log.announce(hub.log.store(group, "\(number)")) }
            let deliveries = try (0..<5).map { _ in try first.receive() }
            for delivery in deliveries[..<3] { try first.acknowledge(delivery.packetID) }
            try first.expectNothing()
            if isSlow { hub.sessions.stateSaves.close() }
            let second = try TestClient(port: hub.ports[1])
            try second.sendConnect(user: 1, id: "c", isClean: false, expirySeconds: 100)
            try checkEqual(try first.receiveDisconnect(), .sessionTakenOver)
            try first.expectEnd()
            if isSlow {
                try waitUntil("the end is saved") { hub.sessions.stateSaves.waitingCount > 0 }
                hub.log.announce(hub.log.store(group, "6"))
                hub.sessions.stateSaves.open()
            } else {
                hub.log.announce(hub.log.store(group, "6"))
            }
            try checkEqual(try second.receiveConnack(), .success)
            try check(second.sessionPresent, "session present")
            try checkEqual(try second.receiveSeqs(3), [4, 5, 6])
        }
    }

    @Test func whoFindsNoRoomIsRefused() async throws {
        try await onThread {
            let hub = try makeHub()
            hub.sessions.isFull.withLock { $0 = true }
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: 1, id: "new", isClean: false, expirySeconds: 100)
            try checkEqual(try client.receiveConnack(), .quotaExceeded)
            try client.expectEnd()
            let transient = try TestClient(hub, shard: 0, user: 1, id: "new")
            try transient.expectNothing()
            hub.sessions.isFull.withLock { $0 = false }
            let next = try TestClient(hub, shard: 1, user: 1, id: "new", isClean: false, expirySeconds: 100)
            try next.expectNothing()
        }
    }

    /// The session had an entry in flight that this shard hears of late, and delivers in steps.
    @Test func whatIsOnItsWayIsNotTakenForLost() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2, fanoutStep: 1)
            for user in [Int64(1), 2, 3] { hub.rights.set(user, groups: [TestRights.group(70)]) }
            let others = try [Int64(2), 3].map { try TestClient(hub, shard: 0, user: $0) }
            for client in others { try client.subscribe("group/70") }
            let first = try TestClient(hub, shard: 1, user: 1, isClean: false, expirySeconds: 100)
            try first.subscribe("group/70")
            let entry = hub.log.store(group, "1")
            hub.mailroom.post(.committed([entry]), to: 1)
            _ = try first.receive()
            first.abort()
            let second = try TestClient(hub, shard: 0, user: 1, isClean: false, expirySeconds: 100)
            try second.expectNothing()
            // The entry and a SUBSCRIBE, whose answer has the session look at what it is to get, come in one turn.
            hub.mailroom.post(.committed([entry]), to: 0)
            try second.sendSubscribe(["x"])
            var seqs: [Int64] = []
            while seqs.isEmpty {
                if case .publish = try second.skip() { seqs.append(1) }
            }
            for client in others { try checkEqual(try client.receiveSeqs(1), [1]) }
        }
    }

    /// The session had an entry in flight that the shard where it comes back has not heard of.
    @Test func whatTheOtherShardKnewComesAgain() async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, shard: 1, user: 1, isClean: false, expirySeconds: 100)
            try first.subscribe("group/70", qos: .exactlyOnce)
            let entry = hub.log.store(group, "1")
            hub.mailroom.post(.committed([entry]), to: 1)
            let delivery = try first.receive()
            first.abort()
            let second = try TestClient(hub, shard: 0, user: 1, isClean: false, expirySeconds: 100)
            try second.expectNothing()
            hub.mailroom.post(.committed([entry]), to: 0)
            let again = try second.receive()
            try checkEqual([again.seq, Int64(again.packetID)], [1, Int64(delivery.packetID)])
        }
    }

    /// Losing access deletes the cursor, also if it comes back before the client does (protocol.md §1 "Cursors").
    @Test func aNewMembershipBeginsAnew() async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, shard: 0, user: 1, isClean: false, expirySeconds: 100)
            try first.subscribe("group/+", qos: .exactlyOnce)
            for number in 1...2 { hub.log.announce(hub.log.store(group, "\(number)")) }
            let deliveries = try (0..<2).map { _ in try first.receive() }
            try first.acknowledge(deliveries[0].packetID, .pubrec)
            try checkEqual(try first.skip(), .pubrel)
            first.abort()
            for text in ["removed", "not for it", "added", "again"] { _ = hub.log.store(group, text) }
            hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 6, joinedSeq: 5)])
            let second = try TestClient(hub, shard: 1, user: 1, isClean: false, expirySeconds: 100)
            // An open PUBREL is completed.
            try checkEqual(try second.skip(), .pubrel)
            try checkEqual(try (0..<2).map { _ in try second.receive().seq }, [5, 6])
            try second.expectNothing()
        }
    }

    /// Each client takes the session from the one before, which has not even got it yet.
    @Test func chainOfTakeovers() async throws {
        try await onThread {
            let hub = try makeHub()
            let owner = try TestClient(hub, shard: 0, user: 1, isClean: false, expirySeconds: 100)
            hub.sessions.stateSaves.close()
            let chain = try (0..<6).map { number in
                let client = try TestClient(port: hub.ports[number % 2])
                try client.sendConnect(user: 1, id: "c", isClean: false, expirySeconds: 100)
                try hub.settle(number % 2)
                try waitUntil("it has claimed") { hub.hub.registry.claimsCount == UInt64(number + 2) }
                return client
            }
            try checkEqual(try owner.receiveDisconnect(), .sessionTakenOver)
            hub.sessions.stateSaves.open()
            for client in chain.dropLast() {
                try checkEqual(try client.receiveConnack(), .unspecifiedError)
                try client.expectEnd()
            }
            try checkEqual(try chain[5].receiveConnack(), .success)
            try check(chain[5].sessionPresent, "session present")
        }
    }

    @Test func claimantThatGoesAwayPassesTheSessionOn() async throws {
        try await onThread {
            let hub = try makeHub()
            let owner = try TestClient(hub, shard: 0, user: 1, isClean: false, expirySeconds: 100)
            hub.sessions.stateSaves.close()
            do {
                let gone = try TestClient(port: hub.ports[1])
                try gone.sendConnect(user: 1, id: "c", isClean: false, expirySeconds: 100)
                try checkEqual(try owner.receiveDisconnect(), .sessionTakenOver)
            }
            let last = try TestClient(port: hub.ports[0])
            try last.sendConnect(user: 1, id: "c", isClean: false, expirySeconds: 100)
            try waitUntil("it has claimed") { hub.hub.registry.claimsCount == 3 }
            hub.sessions.stateSaves.open()
            try checkEqual(try last.receiveConnack(), .success)
        }
    }

    /// A client that loses its connection while its session is read leaves it as any other does.
    @Test func connectionLostWhileLoading() async throws {
        try await onThread {
            let hub = try makeHub()
            hub.rights.loads.close()
            do {
                let client = try TestClient(port: hub.ports[0])
                try client.sendConnect(user: 1, id: "c", isClean: true, expirySeconds: 100)
                try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
                client.resetAtEnd()
            }
            // Mail comes before the events of its turn: with the second the connection's end has been handled.
            try hub.settle()
            try hub.settle()
            hub.rights.loads.open()
            try waitUntil("the row knows that its client is gone") {
                hub.sessions.all.first { $0.key.userID == 1 }?.leftWithExpiry == 100
            }
        }
    }

    /// MQTT 5 §3.1.2.4: without Clean Start the session is resumed, also by a client that will not keep it.
    @Test func resumedByAClientThatDoesNotKeepIt() async throws {
        try await onThread {
            let hub = try makeHub()
            let first = try TestClient(hub, user: 1, isClean: false, expirySeconds: 100)
            try first.subscribe("group/70")
            try first.disconnect()
            hub.log.announce(hub.log.store(group, "1"))
            let second = try TestClient(hub, shard: 1, user: 1, isClean: false, expirySeconds: 0)
            try check(second.sessionPresent, "session present")
            try checkEqual(try second.receiveSeqs(1), [1])
            try second.disconnect()
            try waitUntil("the session is gone") { hub.sessions.all.isEmpty }
        }
    }

    /// [MQTT-3.1.2-4] also binds clients without credentials.
    @Test(arguments: [ProtocolVersion.v3_1_1, .v5]) func cleanStartDiscardsAnonymousSession(_ version: ProtocolVersion)
        async throws
    {
        try await onThread {
            let hub = try makeHub()
            try TestClient(hub, user: nil, version: version, isClean: false, expirySeconds: 100).disconnect()
            try TestClient(hub, user: nil, version: version, isClean: true).disconnect()
            let client = try TestClient(hub, user: nil, version: version, isClean: false, expirySeconds: 100)
            try check(!client.sessionPresent, "the session is a new one")
        }
    }

    /// A client need not wait for UNSUBACK before it subscribes again: what is stored follows the order of the packets.
    @Test func pipelinedSubscriptionsAreStoredInOrder() async throws {
        try await onThread {
            let hub = try makeHub()
            let client = try TestClient(hub, user: 1, isClean: false, expirySeconds: 100)
            try client.subscribe("group/70")
            hub.sessions.deletions.close()
            try client.sendUnsubscribe("group/70")
            try waitUntil("the deletion runs") { hub.sessions.deletions.waitingCount == 1 }
            try client.sendSubscribe(["group/70"])
            try hub.settle()
            hub.sessions.deletions.open()
            _ = try client.next()
            _ = try client.next()
            try checkEqual(hub.sessions.all.first?.stored.subscriptions.count, 1)
        }
    }
}
