import Testing

@testable import Persistence

/// Mailed codes and the outbox.
struct MailTests {
    private static func letter(
        _ purpose: MailedCodeStore.Purpose, _ hash: [UInt8], to recipient: String = "anna@example.org"
    ) -> MailedCodeStore.Letter {
        MailedCodeStore.Letter(purpose: purpose, hash: hash, recipient: recipient, message: [9] + hash)
    }

    @Test func aCodeIsGoodOnceForItsPurposeAndTime() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), codes = fixture.mailedCodes
            #expect(try await codes.send(Self.letter(.verifyAddress, [1]), to: anna))
            #expect(try await codes.send(Self.letter(.resetPassword, [2]), to: anna), "each purpose by itself")
            for hash in [[2], [3]] as [[UInt8]] { #expect(try await !codes.verifyAddress(hash)) }
            #expect(try await !codes.resetPassword([1], to: "new"))
            #expect(try await fixture.users.profile(anna)?.emailVerified == false)
            #expect(try await codes.verifyAddress([1]))
            #expect(try await !codes.verifyAddress([1]))
            #expect(try await fixture.users.profile(anna)?.emailVerified == true)
            fixture.clock.advance(milliseconds: MailedCodeStore.Purpose.resetPassword.lifetimeMilliseconds)
            #expect(try await !codes.isGood([2], for: .resetPassword))
            #expect(try await !codes.resetPassword([2], to: "new"), "it is too old")
            #expect(try await codes.purgeExpired() == 1)
        }
    }

    @Test func aResetEndsAllSessions() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), codes = fixture.mailedCodes
            #expect(try await codes.send(Self.letter(.resetPassword, [1]), to: anna))
            #expect(try await codes.isGood([1], for: .resetPassword))
            #expect(try await codes.resetPassword([1], to: "new hash"))
            #expect(try await fixture.users.passwordHash(of: anna) == "new hash")
            #expect(try await fixture.sessions.sessions(of: anna, below: .max, limit: 9).isEmpty)
            #expect(fixture.witness.revoked.count == 1)
            #expect(try await fixture.users.profile(anna)?.emailVerified == true, "the mail was read")
        }
    }

    /// A changed password or a closed account leaves no way back.
    @Test func codesDieWithWhatTheyAreFor() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), codes = fixture.mailedCodes
            #expect(try await codes.send(Self.letter(.resetPassword, [1]), to: anna))
            #expect(
                try await fixture.users.changePassword(of: anna, from: "hash of anna", to: "own", keeping: nil))
            #expect(try await !codes.resetPassword([1], to: "stolen"))
            fixture.clock.advance(milliseconds: MailedCodeStore.pauseMilliseconds)
            #expect(try await codes.send(Self.letter(.resetPassword, [2]), to: anna))
            #expect(try await fixture.administration.setEnabled(false, of: anna))
            #expect(try await !codes.resetPassword([2], to: "stolen"))
        }
    }

    @Test func oneMailAMinute() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), codes = fixture.mailedCodes
            for (hash, milliseconds, isSent) in [([1], 0, true), ([2], 59_999, false), ([3], 1, true)]
                as [([UInt8], Int64, Bool)]
            {
                fixture.clock.advance(milliseconds: milliseconds)
                #expect(try await codes.send(Self.letter(.resetPassword, hash), to: anna) == isSent)
            }
            #expect(try await !codes.isGood([1], for: .resetPassword), "a new one takes its place")
            #expect(try await codes.isGood([3], for: .resetPassword))
        }
    }

    @Test func signUpAsksForAProof() async throws {
        try await DomainFixture.with { fixture in
            let outcome = try await fixture.users.signUp(
                UserStore.NewAccount(
                    username: "anna", email: "anna@example.org", passwordHash: "h", displayName: "anna"),
                session: NewLoginSession(client: "", address: "", refreshHash: [1]),
                letter: Self.letter(.verifyAddress, [4]))
            guard case .created = outcome else { throw DatabaseError.unavailable("\(outcome)") }
            let mail = try #require(try await fixture.outbox.take())
            #expect(mail.recipient == "anna@example.org" && mail.message == [9, 4] && mail.attempts == 0)
            #expect(try await fixture.mailedCodes.verifyAddress([4]))
        }
    }

    /// Each mail is taken by one, comes again after a failure, later and later, and after a crash; and ends with its code.
    @Test func theOutboxGivesUpLate() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), outbox = fixture.outbox
            #expect(try await fixture.mailedCodes.send(Self.letter(.verifyAddress, [1]), to: anna))
            var pauses: [Int64] = []
            for _ in 0..<4 {
                let mail = try #require(try await outbox.take())
                #expect(mail.attempts == Int64(pauses.count))
                #expect(try await outbox.take() == nil)
                try await outbox.failed(mail)
                let start = fixture.clock.milliseconds
                while try await fixture.isOutboxIdle() { fixture.clock.advance(milliseconds: 5_000) }
                pauses.append(fixture.clock.milliseconds - start)
            }
            #expect(pauses == [5_000, 10_000, 20_000, 40_000])
            #expect(MailOutbox.pauseMilliseconds(afterFailure: 100) == MailOutbox.retryMillisecondsMax)
            _ = try #require(try await outbox.take())
            fixture.clock.advance(milliseconds: MailOutbox.leaseMilliseconds)
            let again = try #require(try await outbox.take(), "whoever took it has crashed")
            try await outbox.sent(again)
            fixture.clock.advance(milliseconds: MailOutbox.leaseMilliseconds)
            #expect(try await outbox.take() == nil)
            #expect(try await fixture.mailedCodes.send(Self.letter(.resetPassword, [2]), to: anna))
            fixture.clock.advance(milliseconds: MailedCodeStore.Purpose.resetPassword.lifetimeMilliseconds)
            #expect(try await outbox.take() == nil)
            #expect(try await outbox.purgeExpired() == 1)
        }
    }
}

extension DomainFixture {
    fileprivate func isOutboxIdle() async throws -> Bool {
        try await database.query(
            "SELECT 1 FROM mail_outbox WHERE next_at <= $1", [.int(clock.milliseconds)]
        ).count == 0
    }
}
