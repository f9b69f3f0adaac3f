import Testing

@testable import Transport

@Suite struct BodyPaceTests {
    @Test func aMegabyteAMinute() {
        var pace = BodyPace()
        #expect(pace.resume(at: 1_000) == 61_000)
        #expect(pace.received(BodyPace.windowBytes - 1, at: 50_000) == nil, "a trickle prolongs nothing")
        #expect(pace.resume(at: 55_000) == 61_000, "nor does asking again")
        #expect(pace.received(1, at: 60_000) == 120_000)
        #expect(pace.received(10, at: 100_000) == nil)
    }

    @Test func whatTheHubTakesIsNotCounted() {
        var pace = BodyPace()
        _ = pace.resume(at: 0)
        pace.pause(at: 20_000)
        pace.pause(at: 30_000)
        #expect(pace.resume(at: 1_000_000) == 1_040_000)
        pace.pause(at: 1_050_000)
        #expect(pace.resume(at: 2_000_000) == 2_000_000, "nothing is left")
    }

    @Test func whatCameInTheLastReadCounts() {
        var pace = BodyPace()
        _ = pace.resume(at: 0)
        pace.pause(at: 59_000)
        #expect(pace.received(BodyPace.windowBytes, at: 59_000) == nil)
        #expect(pace.resume(at: 100_000) == 160_000)
    }
}
