import Testing

@testable import Persistence

/// Authenticators and recovery codes, in the database.
struct SecondFactorStoreTests {
    @Test func aFactorCountsOnceItIsConfirmed() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), factors = fixture.factors
            #expect(try await factors.factor(of: anna) == nil)
            #expect(try await factors.propose([1], for: anna))
            #expect(try await factors.propose([2], for: anna), "none was confirmed, so another may take its place")
            #expect(try await !factors.accept(step: 5, of: anna), "it does not count yet")
            let codes: [[UInt8]] = [[10], [11]]
            #expect(try await !factors.confirm([1], step: 5, recoveryHashes: codes, of: anna, keeping: nil))
            #expect(try await factors.confirm([2], step: 5, recoveryHashes: codes, of: anna, keeping: nil))
            #expect(try await !factors.confirm([2], step: 6, recoveryHashes: codes, of: anna, keeping: nil))
            let factor = SecondFactorStore.Factor(secret: [2], isConfirmed: true, lastStep: 5)
            #expect(try await factors.factor(of: anna) == factor)
            #expect(try await !factors.propose([3], for: anna))
            let standing = try await fixture.accounts.standing(of: anna)
            #expect(standing == AccountStore.Standing(hasSecondFactor: true, recoveryCodesLeft: 2))
        }
    }

    /// Also when it is shown twice at the same moment.
    @Test func aStepIsAcceptedOnce() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.confirmedUser("anna"), factors = fixture.factors
            let table: [(step: Int64, isAccepted: Bool)] = [(7, true), (7, false), (6, false), (8, true)]
            for (step, isAccepted) in table {
                #expect(try await factors.accept(step: step, of: anna) == isAccepted, "\(step)")
            }
            let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 { group.addTask { try await factors.accept(step: 9, of: anna) } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(accepted == 1)
        }
    }

    @Test func aRecoveryCodeIsGoodOnceAndForItsUser() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.confirmedUser("anna"), berta = try await fixture.confirmedUser("berta")
            let factors = fixture.factors
            #expect(try await !factors.useRecoveryCode(Array("anna code".utf8), of: berta))
            #expect(try await factors.useRecoveryCode(Array("anna code".utf8), of: anna))
            #expect(try await !factors.useRecoveryCode(Array("anna code".utf8), of: anna))
            #expect(try await fixture.accounts.standing(of: anna).recoveryCodesLeft == 0)
            try await factors.renewCodes([[1], [2], [3]], of: anna, keeping: nil)
            #expect(try await fixture.accounts.standing(of: anna).recoveryCodesLeft == 3)
            #expect(try await factors.useRecoveryCode([2], of: anna))
        }
    }

    enum Change: CaseIterable, Sendable { case confirm, renew, disable }

    /// "A factor change revokes other sessions."
    @Test(arguments: Change.allCases) func otherSessionsEnd(change: Change) async throws {
        try await DomainFixture.with { fixture in
            let anna = change == .confirm ? try await fixture.user("anna") : try await fixture.confirmedUser("anna")
            let berta = try await fixture.user("berta"), sessions = fixture.sessions, factors = fixture.factors
            let kept = try await sessions.open(
                NewLoginSession(client: "kept", address: "", refreshHash: [7]), for: anna)
            let before = fixture.witness.revoked
            switch change {
            case .confirm:
                #expect(try await factors.propose([1], for: anna))
                #expect(
                    try await factors.confirm(
                        [1], step: 1, recoveryHashes: [], of: anna, keeping: kept.sessionID))
            case .renew: try await factors.renewCodes([[1]], of: anna, keeping: kept.sessionID)
            case .disable: try await factors.disable(anna, keeping: kept.sessionID)
            }
            #expect(try await sessions.sessions(of: anna, below: .max, limit: 9).map(\.client) == ["kept"])
            #expect(try await sessions.sessions(of: berta, below: .max, limit: 9).count == 1)
            #expect(
                fixture.witness.revoked.count == before.count + 1 && !fixture.witness.revoked.contains(kept.sessionID))
            if change == .disable { #expect(try await factors.factor(of: anna) == nil) }
        }
    }
}

extension DomainFixture {
    /// A user with a second factor and one recovery code, `NAME code`; one session is left of it.
    func confirmedUser(_ name: String) async throws -> Int64 {
        let id = try await user(name)
        _ = try await factors.propose(Array(name.utf8), for: id)
        let session = try await sessions.sessions(of: id, below: .max, limit: 1).first
        let isConfirmed = try await factors.confirm(
            Array(name.utf8), step: 5, recoveryHashes: [Array("\(name) code".utf8)], of: id, keeping: session?.id)
        #expect(isConfirmed)
        return id
    }
}
