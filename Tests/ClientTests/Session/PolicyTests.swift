import Identity
import MQTT
import Testing

@testable import Client

/// The small decisions: how long to wait, whether to come back, when to ask for a token.
@Suite struct PolicyTests {
    private struct Highest: RandomNumberGenerator {
        func next() -> UInt64 { .max }
    }

    @Test func pausesDoubleUpToTheirLimit() {
        var backoff = Backoff(firstMilliseconds: 500, maxMilliseconds: 3_000)
        var longest = Highest(), any = SystemRandomNumberGenerator()
        #expect((0..<5).map { _ in backoff.next(using: &longest) } == [500, 1_000, 2_000, 3_000, 3_000])
        #expect((1_500...3_000).contains(backoff.next(using: &any)))
        backoff.reset()
        #expect((250...500).contains(backoff.next(using: &any)))
    }

    struct Verdict: Sendable {
        let reason: ReasonCode
        var isConnack = true
        var wasUnauthorized = false
        let retries: Bool
    }

    private static let verdicts = [
        Verdict(reason: .serverBusy, retries: true),
        Verdict(reason: .serverShuttingDown, isConnack: false, retries: true),
        Verdict(reason: .sessionTakenOver, isConnack: false, retries: false),
        Verdict(reason: .notAuthorized, retries: true),
        Verdict(reason: .notAuthorized, wasUnauthorized: true, retries: false),
        Verdict(reason: .notAuthorized, isConnack: false, wasUnauthorized: true, retries: true),
        Verdict(reason: .clientIdentifierNotValid, retries: false),
        Verdict(reason: .protocolError, isConnack: false, retries: false),
    ]

    @Test(arguments: verdicts) func whoComesBack(verdict: Verdict) {
        #expect(
            RetryPolicy.retries(
                verdict.reason, isConnack: verdict.isConnack, wasUnauthorized: verdict.wasUnauthorized)
                == verdict.retries)
    }

    @Test(arguments: [
        (#"{"exp":700}"#, Int64?.some(540_000)), (#"{"exp":110}"#, 5_000), (#"{"exp":100}"#, nil), (#"{}"#, nil),
        (#"{"exp":9223372036854775807}"#, nil), ("no JSON", nil),
    ])
    func tokensAreRenewedBeforeTheyEnd(claims: String, expected: Int64?) {
        let token = "e30." + Base64URL.encode(Array(claims.utf8)) + ".sig"
        #expect(TokenLifetime.renewalMilliseconds(of: token, wallMilliseconds: 100_000) == expected)
    }

    @Test(arguments: ["", "a.b", "opaque", "a.%%.c"]) func otherTokensHaveNoEnd(token: String) {
        #expect(TokenLifetime.renewalMilliseconds(of: token, wallMilliseconds: 0) == nil)
    }

    @Test func identifiersAreTakenInTurnAndNeverTwice() {
        var ids = PacketIDs()
        for expected in 1...UInt16.max { #expect(ids.take() == expected) }
        #expect(ids.take() == nil)
        ids.free(300)
        #expect(ids.take() == 300)
    }
}
