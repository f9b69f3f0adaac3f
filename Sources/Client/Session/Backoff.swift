/// How long to wait before the next connection.
struct Backoff {
    /// A connection that held this long was a good one: what fails after it is a first failure.
    static let goodMilliseconds: Int64 = 10_000

    let firstMilliseconds: Int64
    let maxMilliseconds: Int64
    private(set) var failures = 0

    init(firstMilliseconds: Int64, maxMilliseconds: Int64) {
        self.firstMilliseconds = firstMilliseconds
        self.maxMilliseconds = maxMilliseconds
    }

    mutating func reset() { failures = 0 }

    /// The pause after one more failure, in milliseconds: doubled each time, and shortened by up to a half.
    mutating func next(using generator: inout some RandomNumberGenerator) -> Int64 {
        var pause = min(firstMilliseconds, maxMilliseconds)
        for _ in 0..<failures where pause < maxMilliseconds { pause = min(pause * 2, maxMilliseconds) }
        failures += 1
        return Int64.random(in: pause / 2...pause, using: &generator)
    }
}
