import Glibc

/// The two clocks of the hub; tests give their own.
package enum SystemClock {
    /// Unix time in milliseconds.
    @Sendable
    package static func wallMilliseconds() -> Int64 { milliseconds(CLOCK_REALTIME) }

    /// Milliseconds since some fixed moment; never steps back.
    @Sendable
    package static func monotonicMilliseconds() -> Int64 { milliseconds(CLOCK_MONOTONIC) }

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
