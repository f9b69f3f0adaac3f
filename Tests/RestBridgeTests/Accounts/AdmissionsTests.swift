import Identity
import Persistence
import Synchronization
import Testing

@testable import RestBridge

struct AdmissionsTests {
    /// What is told on.
    private final class Told: RevocationObserver {
        let ids = Mutex<[Int64]>([])

        func sessionRevoked(_ sessionID: Int64) { ids.withLock { $0.append(sessionID) } }
        func userEnded(_ userID: Int64) { ids.withLock { $0.append(-userID) } }
    }

    private static let token = Array("a.b.c".utf8)
    private static let start: Int64 = 1_000_000

    private let told = Told()
    private let admissions: Admissions

    init() { admissions = Admissions(next: told) }

    private func claims(expiresAt: Int64 = 2_000) -> Claims {
        Claims(userID: 7, sessionID: 70, expiresAt: expiresAt, scopes: .user)
    }

    private func admit(expiresAt: Int64 = 2_000, at now: Int64 = start) {
        let claims = claims(expiresAt: expiresAt)
        admissions.note(
            Self.token, claims, Caller(claims, isBot: false), admissions.find(Self.token, now: now), now: now)
    }

    private func known(at now: Int64) -> (isVerified: Bool, isAlive: Bool) {
        let finding = admissions.find(Self.token, now: now)
        return (finding.claims != nil, finding.caller != nil)
    }

    @Test func whoWasLetInIsLetInAgain() {
        #expect(known(at: Self.start) == (false, false))
        admit()
        #expect(known(at: Self.start + 1_999) == (true, true))
        #expect(admissions.find(Self.token, now: Self.start).caller?.userID == 7)
        // Then the database is asked again, and later the signature looked at.
        #expect(known(at: Self.start + 2_000) == (true, false))
        #expect(known(at: Self.start + 59_999) == (true, false))
        #expect(known(at: Self.start + 60_000) == (false, false))
    }

    /// However often the session is found alive meanwhile.
    @Test func aSignatureIsNotBelievedForEver() {
        for passed in stride(from: Int64(0), to: 60_000, by: 2_000) { admit(at: Self.start + passed) }
        #expect(known(at: Self.start + 59_999) == (true, true))
        #expect(known(at: Self.start + 60_000) == (false, false))
    }

    @Test func nothingOutlivesTheToken() {
        admit(expiresAt: 1_001)
        #expect(known(at: 1_000_999) == (true, true))
        #expect(known(at: 1_001_000) == (false, false))
    }

    @Test(arguments: [true, false]) func endsCountAtOnce(_ isUser: Bool) {
        admit()
        if isUser { admissions.userEnded(8) } else { admissions.sessionRevoked(71) }
        #expect(known(at: Self.start) == (true, true))
        if isUser { admissions.userEnded(7) } else { admissions.sessionRevoked(70) }
        #expect(known(at: Self.start) == (false, false))
        #expect(told.ids.withLock { $0 } == (isUser ? [-8, -7] : [71, 70]))
    }

    @Test func allAreForgottenAtOnce() {
        admit()
        admissions.forgetAll()
        #expect(known(at: Self.start) == (false, false))
    }

    /// The database said "alive" before the end was committed.
    @Test func anAnswerFromBeforeAnEndIsNotKept() {
        let finding = admissions.find(Self.token, now: Self.start)
        admissions.sessionRevoked(70)
        admissions.note(Self.token, claims(), Caller(claims(), isBot: false), finding, now: Self.start)
        #expect(known(at: Self.start) == (false, false))
    }
}
