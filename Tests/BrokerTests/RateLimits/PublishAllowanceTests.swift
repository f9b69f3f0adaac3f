import Synchronization
import Testing

@testable import Broker

struct PublishAllowanceTests {
    private let rate = RateLimits.Rate(50, seconds: 1, burst: 5)

    @Test func aBurstAndThenOneEach20Milliseconds() {
        let allowance = PublishAllowance(rate)
        #expect((0..<5).map { _ in allowance.charge(now: 1_000) } == [0, 0, 0, 0, 20])
        // On credit.
        #expect(allowance.charge(now: 1_000) == 40 && allowance.wait(now: 1_000) == 40)
        #expect(allowance.wait(now: 1_040) == 0 && allowance.wait(now: 1_039) == 1)
        #expect(allowance.charge(now: 1_040) == 20)
        #expect(!allowance.isFull(now: 1_139) && allowance.isFull(now: 1_140))
        // However long it was not used, a whole burst is all there is.
        #expect((0..<5).map { _ in allowance.charge(now: 99_000) } == [0, 0, 0, 0, 20])
    }

    @Test func takingIsOnlyWhatIsThere() {
        let allowance = PublishAllowance(rate)
        var balance = PublishAllowance.Balance(remaining: 4, waitMilliseconds: 0, fullMilliseconds: 20)
        #expect(allowance.take(now: 1_000) == (true, balance))
        for _ in 0..<4 { #expect(allowance.take(now: 1_000).isTaken) }
        balance = .init(remaining: 0, waitMilliseconds: 20, fullMilliseconds: 100)
        #expect(allowance.take(now: 1_000) == (false, balance))
        #expect(allowance.take(now: 1_010).balance.waitMilliseconds == 10)
        #expect(allowance.take(now: 1_020).isTaken && !allowance.take(now: 1_020).isTaken)
    }

    @Test func threadsShareIt() async {
        let allowance = PublishAllowance(RateLimits.Rate(1, seconds: 3_600, burst: 1_000))
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<500).count { _ in allowance.take(now: 1_000).isTaken } }
            }
            return await group.reduce(0, +)
        }
        #expect(taken == 1_000)
    }

    @Test func aUserHasOneAndItIsForgottenWhenItIsFull() {
        let allowances = PublishAllowances(rate)
        let held = allowances.allowance(of: 1, now: 0)
        #expect(held === allowances.allowance(of: 1, now: 0))
        _ = allowances.allowance(of: 2, now: 0)?.charge(now: 1_000_000)
        for user: Int64 in 3...5_000 { _ = allowances.allowance(of: user, now: 1_000_000) }
        #expect(allowances.count <= 2_048)
        #expect(held === allowances.allowance(of: 1, now: 1_000_000), "who is connected keeps it")
        #expect(allowances.allowance(of: 2, now: 1_000_000)?.isFull(now: 1_000_000) == false)
        #expect(PublishAllowances(nil).allowance(of: 1, now: 0) == nil)
    }
}
