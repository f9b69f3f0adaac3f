import Testing

@testable import Transport

@Suite struct DeadlineWheelTests {
    private static let start: Int64 = 1_000_003

    /// Deadlines behind the horizon come up early, are put forward, and in the end are in time, as a reactor does it.
    @Test(
        arguments: [0, 1, 249, 250, 251, 63_999, 64_000, 64_001, 600_000, 86_400_000] as [Int64],
        [1, 250, 900_000] as [Int64])
    func comesUpInTime(delay: Int64, step: Int64) {
        guard delay / step < 1_000_000 else { return }
        var wheel = DeadlineWheel(now: Self.start)
        let id = ConnectionID(slot: 7, generation: 3)
        let deadline = Self.start + delay
        var scheduled = wheel.insert(id, deadline: deadline)
        var now = Self.start
        while true {
            now += step
            let due = wheel.advance(to: now)
            guard let entry = due.first else {
                #expect(now < deadline + 250 + step)
                if now >= deadline + 250 + step { return }
                continue
            }
            #expect(due.count == 1 && entry.id == id && entry.moment == scheduled && entry.moment <= now)
            if now >= deadline { break }
            scheduled = wheel.insert(id, deadline: deadline)
        }
        #expect(now - deadline <= 250 + step)
        #expect(wheel.advance(to: now + 1_000_000).isEmpty)
    }

    @Test(arguments: [Int64.max, .min, 0, -1]) func takesEveryMoment(_ deadline: Int64) {
        var wheel = DeadlineWheel(now: Self.start)
        let moment = wheel.insert(ConnectionID(slot: 0, generation: 0), deadline: deadline)
        #expect(moment > Self.start && moment <= Self.start + 64_000)
        #expect(wheel.advance(to: moment).count == 1)
    }

    @Test(arguments: [0, 1, 249, 250, 251] as [Int64]) func aBucketEndsAfterEachOfItsMoments(_ now: Int64) {
        let end = DeadlineWheel.bucketEnd(after: now)
        #expect(end > now && end - now <= 250 && end % 250 == 0)
    }
}
