import Synchronization
import Testing
import Transport

@testable import RestBridge

/// security.md "Log-in" and "TOTP", by the numbers.
struct LoginThrottleTests {
    private final class Clock: Sendable {
        private let time = Atomic<Int64>(1_000_000)
        var now: Int64 { time.load(ordering: .relaxed) }
        func advance(_ milliseconds: Int64) { time.add(milliseconds, ordering: .relaxed) }
    }

    private static func address(_ text: String) -> PeerAddress { PeerAddress(parsing: text)!.network }

    /// Attempts that fail until one is refused, and how long that one is to wait.
    private func failures(
        _ throttle: LoginThrottle, max: Int = 1_000, isKnown: Bool = false,
        _ next: (Int) -> (account: String, network: PeerAddress)
    ) -> (count: Int, wait: Int64?) {
        for count in 0..<max {
            let (account, network) = next(count)
            switch throttle.begin(account, from: network, isKnownNetwork: isKnown) {
            case .go: continue
            case .ifKnown: return (count, nil)
            case .wait(let milliseconds): return (count, milliseconds)
            }
        }
        return (max, 0)
    }

    @Test func fiveFromOneAddressThenOnePer333Seconds() {
        let clock = Clock(), home = Self.address("192.0.2.1")
        let throttle = LoginThrottle(.builtIn) { clock.now }
        #expect(failures(throttle) { _ in ("ann", home) } == (5, 333_000))
        clock.advance(333_000)
        #expect(failures(throttle) { _ in ("ann", home) } == (1, 333_000))
        #expect(failures(throttle) { _ in ("ann", Self.address("192.0.2.2")) } == (5, 333_000))
        #expect(failures(throttle, max: 5) { _ in ("bob", home) } == (5, 0))
    }

    @Test func fiftyFromOneAddressThenOnePer10Seconds() {
        let clock = Clock(), home = Self.address("192.0.2.1")
        let throttle = LoginThrottle(.builtIn) { clock.now }
        #expect(failures(throttle) { ("user\($0)", home) } == (50, 10_000))
        clock.advance(10_000)
        #expect(failures(throttle) { ("other\($0)", home) } == (1, 10_000))
    }

    @Test func aHundredOverAllAddressesThenOnlyKnownOnes() {
        let clock = Clock(), home = Self.address("198.51.100.1")
        let throttle = LoginThrottle(.builtIn) { clock.now }
        let count = failures(throttle) { ("ann", Self.address("192.0.2.\($0)")) }
        #expect(count == (100, nil))
        #expect(throttle.waitForAccount("ann") == 36_000)
        #expect(failures(throttle) { _ in ("ann", home) } == (0, nil))
        #expect(failures(throttle, isKnown: true) { _ in ("ann", home) } == (5, 333_000))
        clock.advance(36_000)
        #expect(failures(throttle) { ("ann", Self.address("203.0.113.\($0)")) } == (1, nil))
    }

    @Test func ipv6CountsBy64Bits() {
        let clock = Clock()
        let throttle = LoginThrottle(.builtIn) { clock.now }
        #expect(failures(throttle) { ("ann", Self.address("2001:db8::\($0)")) } == (5, 333_000))
        #expect(failures(throttle, max: 5) { _ in ("ann", Self.address("2001:db8:0:1::")) } == (5, 0))
    }

    @Test func successesDoNotCount() {
        let clock = Clock(), home = Self.address("192.0.2.1")
        let throttle = LoginThrottle(.builtIn) { clock.now }
        for _ in 0..<500 {
            guard case .go(let attempt) = throttle.begin("ann", from: home) else {
                Issue.record("refused")
                return
            }
            throttle.giveBack(attempt)
        }
        #expect(failures(throttle) { _ in ("ann", home) } == (5, 333_000))
    }

    @Test func fiveCodesThenOnePer6Seconds() {
        let clock = Clock()
        let throttle = LoginThrottle(.builtIn) { clock.now }
        #expect((0..<6).map { _ in throttle.take(.factor(user: 1)) } == [0, 0, 0, 0, 0, 6_000])
        #expect(throttle.take(.factor(user: 2)) == 0)
        clock.advance(6_000)
        #expect(throttle.take(.factor(user: 1)) == 0 && throttle.take(.factor(user: 1)) == 6_000)
        throttle.giveBack(.factor(user: 1))
        #expect(throttle.take(.factor(user: 1)) == 0)
    }

    /// What is kept of a failure does not grow with what was sent.
    @Test func longNamesAreKeptByTheirBeginning() {
        let clock = Clock(), home = Self.address("192.0.2.1")
        let throttle = LoginThrottle(.builtIn) { clock.now }
        let long = String(repeating: "a", count: 100_000)
        #expect(failures(throttle) { ("\(long)\($0)", home) } == (5, 333_000))
        #expect(failures(throttle, max: 5) { _ in ("b" + long, home) } == (5, 0))
    }

    @Test func offIsOff() {
        let throttle = LoginThrottle(.off) { 0 }
        #expect(failures(throttle) { _ in ("ann", Self.address("192.0.2.1")) } == (1_000, 0))
        #expect((0..<100).allSatisfy { _ in throttle.take(.factor(user: 1)) == 0 })
    }
}
