import Synchronization
import Testing

@testable import Broker

/// The registry says who owns a session, the saver when it is free.
struct OwnershipTests {
    private let key = SessionKey(userID: 1, clientID: [1])

    @Test func claimsFollowEachOther() {
        let registry = SessionRegistry()
        let first = registry.claim(key, shard: 0)
        #expect(first.previous == nil)
        let second = registry.claim(key, shard: 1)
        #expect(second.previous == first.claim)
        // Who has been taken over gives up what is no longer its own.
        registry.release(key, first.claim)
        #expect(registry.claim(key, shard: 0).previous == second.claim)
    }

    @Test func releasedSessionsAreFree() {
        let registry = SessionRegistry()
        let claim = registry.claim(key, shard: 0).claim
        registry.release(key, claim)
        registry.release(key, claim)
        #expect(registry.claim(key, shard: 1).previous == nil)
    }

    @Test func sameClientIDOfAnotherUserIsAnotherSession() {
        let registry = SessionRegistry()
        _ = registry.claim(key, shard: 0)
        #expect(registry.claim(SessionKey(userID: 2, clientID: [1]), shard: 0).previous == nil)
        #expect(registry.claim(SessionKey(userID: 1, clientID: [2]), shard: 0).previous == nil)
    }

    @Test func saverRunsActionsOnceAfterTheSave() {
        let saver = SessionSaver(), claim = SessionRegistry().claim(key, shard: 0).claim
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
