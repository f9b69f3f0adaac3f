import Testing

@testable import Persistence

/// Requests with an `Idempotency-Key`: what becomes of them, whatever ends whoever works on them.
struct RequestKeyStoreTests {
    private let sent: [UInt8] = [1, 2, 3]
    private let answer = KeptAnswer(status: 201, headers: "Location: /groups/1\nContent-Type: text/plain", body: [7])

    private func store(_ fixture: DomainFixture) -> RequestKeyStore { RequestKeyStore(context: fixture.context) }

    private func claim(
        _ fixture: DomainFixture, _ key: RequestKey, _ fingerprint: [UInt8]? = nil
    ) async throws -> RequestClaim {
        guard case .claimed(let claim) = try await store(fixture).claim(key, fingerprint ?? sent) else {
            throw DatabaseError.unavailable("not claimed")
        }
        return claim
    }

    /// As a request does that makes a group.
    private func makeGroup(_ fixture: DomainFixture, _ owner: Int64, _ claim: RequestClaim) async throws {
        _ = try await RequestClaim.$current.withValue(claim) {
            try await fixture.groups.create(name: "g", announcement: false, ownerID: owner, friendIDs: [])
        }
    }

    private func groups(_ fixture: DomainFixture, of user: Int64) async throws -> Int {
        try await fixture.groups.groups(of: user, after: 0, limit: 10).count
    }

    @Test func anAnswerIsKeptForADay() async throws {
        try await DomainFixture.with { fixture in
            let users = try await fixture.users("a", "b")
            let key = RequestKey(userID: users[0], digest: [1])
            let claim = try await claim(fixture, key)
            try await store(fixture).keep(answer, fingerprint: sent, of: claim)
            fixture.clock.advance(milliseconds: RequestKeyStore.lifetimeMilliseconds - 1)
            guard case .answered(let kept, sent) = try await store(fixture).claim(key, [9]) else {
                Issue.record("not kept")
                return
            }
            #expect(kept == answer)
            // Another's key, and another key, are others.
            _ = try await self.claim(fixture, RequestKey(userID: users[1], digest: [1]))
            _ = try await self.claim(fixture, RequestKey(userID: users[0], digest: [2]))
            fixture.clock.advance(milliseconds: 1)
            _ = try await self.claim(fixture, key)
        }
    }

    @Test func oneAtATime() async throws {
        try await DomainFixture.with { fixture in
            let key = RequestKey(userID: try await fixture.user("a"), digest: [1])
            let states = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        if case .claimed = try await store(fixture).claim(key, sent) { true } else { false }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(states.count { $0 } == 1)
            guard case .inProgress(sent, RequestKeyStore.leaseMilliseconds) = try await store(fixture).claim(key, [9])
            else {
                Issue.record("not in progress")
                return
            }
        }
    }

    /// The hub crashes before it does anything: when the lease is over, the request can be made again, with another body too.
    @Test func aLeaseRunsOut() async throws {
        try await DomainFixture.with { fixture in
            let user = try await fixture.user("a")
            let key = RequestKey(userID: user, digest: [1])
            let first = try await claim(fixture, key)
            fixture.clock.advance(milliseconds: RequestKeyStore.leaseMilliseconds - 1)
            try await store(fixture).renew(first)
            fixture.clock.advance(milliseconds: RequestKeyStore.leaseMilliseconds - 1)
            guard case .inProgress = try await store(fixture).claim(key, sent) else {
                Issue.record("it was renewed")
                return
            }
            fixture.clock.advance(milliseconds: 1)
            let second = try await claim(fixture, key, [4])
            // The first was only slow, and does nothing any more.
            await #expect(throws: DatabaseError.self) { try await makeGroup(fixture, user, first) }
            #expect(try await groups(fixture, of: user) == 0)
            try await store(fixture).giveUp(first)
            try await store(fixture).keep(KeptAnswer(status: 200, headers: "", body: []), fingerprint: sent, of: first)
            try await makeGroup(fixture, user, second)
            try await store(fixture).keep(answer, fingerprint: [4], of: second)
            guard case .answered(answer, [4]) = try await store(fixture).claim(key, [4]) else {
                Issue.record("the second has not answered")
                return
            }
            #expect(try await groups(fixture, of: user) == 1)
        }
    }

    /// The hub crashes between the effect and its answer: the request is never made again.
    @Test func whatIsDecidedIsNotDoneTwice() async throws {
        try await DomainFixture.with { fixture in
            let user = try await fixture.user("a")
            let key = RequestKey(userID: user, digest: [1])
            let claim = try await claim(fixture, key)
            try await makeGroup(fixture, user, claim)
            // A failure after the commit gives up nothing either.
            try await store(fixture).giveUp(claim)
            guard case .inProgress = try await store(fixture).claim(key, sent) else {
                Issue.record("the answer may still come")
                return
            }
            fixture.clock.advance(milliseconds: RequestKeyStore.leaseMilliseconds)
            guard case .decided(sent) = try await store(fixture).claim(key, sent) else {
                Issue.record("it is done again")
                return
            }
            #expect(try await groups(fixture, of: user) == 1)
        }
    }

    @Test func whatFailsCanBeMadeAgainAtOnce() async throws {
        try await DomainFixture.with { fixture in
            let key = RequestKey(userID: try await fixture.user("a"), digest: [1])
            try await store(fixture).giveUp(try await claim(fixture, key))
            _ = try await claim(fixture, key)
        }
    }

    @Test func oldOnesArePurgedInBatches() async throws {
        try await DomainFixture.with { fixture in
            let user = try await fixture.user("a")
            for digest in 0..<5 { _ = try await claim(fixture, RequestKey(userID: user, digest: [UInt8(digest)])) }
            fixture.clock.advance(milliseconds: RequestKeyStore.lifetimeMilliseconds)
            _ = try await claim(fixture, RequestKey(userID: user, digest: [99]))
            #expect(try await store(fixture).purgeExpired(limit: 2) == 5)
            #expect(try await store(fixture).purgeExpired(limit: 2) == 0)
            guard case .inProgress = try await store(fixture).claim(RequestKey(userID: user, digest: [99]), sent) else {
                Issue.record("a new one is gone")
                return
            }
        }
    }
}
