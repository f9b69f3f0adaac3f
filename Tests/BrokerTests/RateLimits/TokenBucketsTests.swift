import Testing

@testable import Broker

struct TokenBucketsTests {
    @Test func aBucketEmptiesAndFills() {
        var buckets = TokenBuckets<Int>(.init(capacity: 3, refillMilliseconds: 100))
        for _ in 0..<3 {
            #expect(buckets.wait(1, now: 1_000) == 0)
            buckets.take(1, now: 1_000)
        }
        #expect(buckets.wait(1, now: 1_000) == 100 && buckets.wait(1, now: 1_060) == 40)
        #expect(buckets.wait(2, now: 1_000) == 0, "each key has its own")
        #expect(buckets.wait(1, now: 1_100) == 0)
        buckets.take(1, now: 1_100)
        #expect(buckets.wait(1, now: 1_100) == 100)
        buckets.giveBack(1, now: 1_100)
        #expect(buckets.wait(1, now: 1_100) == 0)
        // After a long time no more than the capacity is there.
        for _ in 0..<3 { buckets.take(1, now: 9_000) }
        #expect(buckets.wait(1, now: 9_000) == 100)
    }

    @Test func whatIsFullTakesNoMemory() {
        var buckets = TokenBuckets<Int>(.init(capacity: 3, refillMilliseconds: 100))
        buckets.take(1, now: 0)
        buckets.giveBack(1, now: 0)
        buckets.giveBack(1, now: 0)
        #expect(buckets.count == 0)
    }

    @Test func memoryIsBounded() {
        let max = TokenBuckets<Int>.keysMax
        var buckets = TokenBuckets<Int>(.init(capacity: 3, refillMilliseconds: 1_000_000))
        for _ in 0..<3 { buckets.take(-1, now: 0) }
        for key in 0..<max + 10 { buckets.take(key, now: Int64(key / 1_000)) }
        #expect(buckets.count <= max)
        #expect(buckets.wait(-1, now: 200) > 0, "the emptiest are remembered longest")
    }
}
