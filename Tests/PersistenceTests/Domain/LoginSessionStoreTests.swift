import Testing

@testable import Persistence

/// Log-in sessions and the rotation of refresh tokens (security.md "Tokens").
struct LoginSessionStoreTests {
    enum Step: Sendable {
        /// Uses this refresh token and gets the next number.
        case refresh(Int)
        case refused(Int)
        /// Uses the access token that came with this refresh token.
        case access(Int)
        case deny(Int)
        case wait(days: Int64)
    }

    struct Case: Sendable {
        var name: String
        var steps: [Step]
        var isRevoked = false
    }

    /// Token 0 comes from the log-in; each successful refresh gives the next number.
    static let cases: [Case] = [
        Case(name: "a chain", steps: [.refresh(0), .refresh(1), .access(2), .refresh(2), .access(3)]),
        Case(name: "a lost answer: the old one is good again", steps: [.refresh(0), .refresh(0), .access(2)]),
        Case(name: "old access tokens do not spend", steps: [.refresh(0), .access(0), .refresh(0), .access(2)]),
        Case(
            name: "reuse after the new refresh token was used",
            steps: [.refresh(0), .refresh(1), .refused(0), .deny(2), .refused(2)], isRevoked: true),
        Case(
            name: "reuse after the new access token was used", steps: [.refresh(0), .access(1), .refused(0), .deny(1)],
            isRevoked: true),
        Case(
            name: "two answers, one used, then the other", steps: [.refresh(0), .refresh(0), .refresh(2), .refused(1)],
            isRevoked: true),
        Case(name: "unknown", steps: [.refused(99), .access(0)]),
        Case(name: "expired", steps: [.wait(days: 31), .refused(0), .deny(0)]),
        Case(name: "kept alive", steps: [.wait(days: 20), .refresh(0), .wait(days: 20), .refresh(1), .access(2)]),
    ]

    @Test(arguments: cases) func plays(sample: Case) async throws {
        try await DomainFixture.with { fixture in
            let user = try await fixture.user("anna")
            func hash(_ number: Int) -> [UInt8] { Array("anna\(number)".utf8) }
            let session = try #require(
                try await fixture.sessions.sessions(of: user, below: .max, limit: 9).first)
            var grants = [
                LoginGrant(
                    userID: user, sessionID: session.id,
                    accessExpiresAt: fixture.clock.milliseconds / 1000 + LoginSessionStore.accessTokenSeconds)
            ]
            for step in sample.steps {
                switch step {
                case .refresh(let number):
                    let grant = try await fixture.sessions.refresh(hash(number), replacement: hash(grants.count))
                    let last = try #require(grants.last)
                    grants.append(try #require(grant))
                    #expect(grants.last!.accessExpiresAt > last.accessExpiresAt, "tells the tokens apart")
                case .refused(let number):
                    #expect(try await fixture.sessions.refresh(hash(number), replacement: [1]) == nil)
                case .access(let number), .deny(let number):
                    let admitted = try await fixture.sessions.admit(
                        userID: user, sessionID: session.id, accessExpiresAt: grants[number].accessExpiresAt)
                    if case .access = step { #expect(admitted) } else { #expect(!admitted) }
                case .wait(let days):
                    fixture.clock.advance(milliseconds: days * 86_400_000)
                }
            }
            #expect(fixture.witness.revoked == (sample.isRevoked ? [session.id] : []))
        }
    }

    @Test func sessionsAreTheirOwners() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let sessions = fixture.sessions
            let second = try await sessions.open(
                NewLoginSession(client: "phone", address: "::1", refreshHash: [7]), for: ids[0])
            let list = try await sessions.sessions(of: ids[0], below: .max, limit: 9)
            #expect(list.map(\.client) == ["phone", "test"])
            #expect(try await sessions.sessions(of: ids[0], below: second.sessionID, limit: 9) == [list[1]])
            #expect(try await !sessions.revoke(second.sessionID, of: ids[1]))
            let stranger = try await sessions.admit(
                userID: ids[1], sessionID: second.sessionID, accessExpiresAt: second.accessExpiresAt)
            #expect(!stranger)
            let isLive = try await sessions.admit(
                userID: ids[0], sessionID: second.sessionID, accessExpiresAt: second.accessExpiresAt)
            #expect(isLive)
            #expect(try await sessions.revoke(second.sessionID, of: ids[0]))
            #expect(try await !sessions.revoke(second.sessionID, of: ids[0]))
            #expect(fixture.witness.revoked == [second.sessionID])
            #expect(try await sessions.refresh([7], replacement: [8]) == nil)
            let wasLive = try await sessions.admit(
                userID: ids[0], sessionID: second.sessionID, accessExpiresAt: second.accessExpiresAt)
            #expect(!wasLive)
        }
    }

    @Test func lastSeenMovesInMinutes() async throws {
        try await DomainFixture.with { fixture in
            let user = try await fixture.user("anna")
            let session = try #require(try await fixture.sessions.sessions(of: user, below: .max, limit: 1).first)
            for (milliseconds, moves) in [(Int64(30_000), false), (31_000, true)] {
                fixture.clock.advance(milliseconds: milliseconds)
                _ = try await fixture.sessions.admit(userID: user, sessionID: session.id, accessExpiresAt: .max)
                let now = try await fixture.sessions.sessions(of: user, below: .max, limit: 1).first
                #expect((now?.lastSeenAt == fixture.clock.milliseconds) == moves)
            }
        }
    }
}
