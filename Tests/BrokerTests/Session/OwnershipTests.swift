import Synchronization
import Testing

@testable import Broker

/// The registry says who owns a session, the saver when it is free.
struct OwnershipTests {
    private let key = SessionKey(userID: 1, clientID: [1])

    @Test func claimsFollowEachOther() throws {
        let registry = SessionRegistry()
        let first = try registry.claim(key, shard: 0)
        #expect(first.previous == nil)
        let second = try registry.claim(key, shard: 1)
        #expect(second.previous == first.claim)
        // Who has been taken over gives up what is no longer its own.
        registry.release(key, first.claim)
        #expect(try registry.claim(key, shard: 0).previous == second.claim)
    }

    @Test func releasedSessionsAreFree() throws {
        let registry = SessionRegistry()
        let claim = try registry.claim(key, shard: 0).claim
        registry.release(key, claim)
        registry.release(key, claim)
        #expect(try registry.claim(key, shard: 1).previous == nil)
    }

    @Test func sameClientIDOfAnotherUserIsAnotherSession() throws {
        let registry = SessionRegistry()
        _ = try registry.claim(key, shard: 0)
        #expect(try registry.claim(SessionKey(userID: 2, clientID: [1]), shard: 0).previous == nil)
        #expect(try registry.claim(SessionKey(userID: 1, clientID: [2]), shard: 0).previous == nil)
    }

    @Test func aUserHasSoManyConnections() throws {
        let registry = SessionRegistry(perUserMax: 2, connectionsMax: 4)
        func key(_ user: Int64, _ client: UInt8) -> SessionKey { SessionKey(userID: user, clientID: [client]) }
        let first = try registry.claim(key(1, 1), shard: 0).claim
        _ = try registry.claim(key(1, 2), shard: 0)
        #expect(throws: SessionRegistry.Full.ofUser) { try registry.claim(key(1, 3), shard: 0) }
        // Taking over is no further connection, and what was taken over gives nothing up.
        let second = try registry.claim(key(1, 1), shard: 1).claim
        registry.release(key(1, 1), first)
        #expect(throws: SessionRegistry.Full.ofUser) { try registry.claim(key(1, 3), shard: 0) }
        registry.release(key(1, 1), second)
        _ = try registry.claim(key(1, 3), shard: 0)
        _ = try registry.claim(key(2, 1), shard: 0)
        let last = try registry.claim(key(0, 1), shard: 0).claim
        #expect(throws: SessionRegistry.Full.ofAll) { try registry.claim(key(2, 2), shard: 0) }
        #expect(throws: SessionRegistry.Full.ofAll) { try registry.claim(key(0, 2), shard: 0) }
        registry.release(key(0, 1), last)
        _ = try registry.claim(key(2, 2), shard: 0)
    }

    @Test func whoHasNoCredentialsIsNoUser() throws {
        let registry = SessionRegistry(perUserMax: 1, connectionsMax: nil)
        for client: UInt8 in 0..<10 { _ = try registry.claim(SessionKey(userID: 0, clientID: [client]), shard: 0) }
    }

    @Test func saverRunsActionsOnceAfterTheSave() throws {
        let saver = SessionSaver(), claim = try SessionRegistry().claim(key, shard: 0).claim
        let calls = Atomic<Int>(0)
        saver.whenSaved(claim) { calls.add(1, ordering: .relaxed) }
        #expect(calls.load(ordering: .relaxed) == 1, "nothing is being saved")
        saver.begin(claim)
        #expect(!saver.isIdle)
        saver.whenSaved(claim) { calls.add(10, ordering: .relaxed) }
        saver.whenSaved(claim) { calls.add(100, ordering: .relaxed) }
        #expect(calls.load(ordering: .relaxed) == 1)
        saver.finish(claim)
        saver.finish(claim)
        #expect(calls.load(ordering: .relaxed) == 111)
        #expect(saver.isIdle)
    }
}
