/// How fast the body of a request must arrive: 1 MiB a minute, 17 KB a second, for as long as we read. The time in which the hub itself
/// holds the client back is not counted. A value without a clock.
struct BodyPace {
    static let windowBytes = 1024 * 1024
    static let windowMilliseconds: Int64 = 60_000

    /// Of the window, when reading began or went on.
    private var millisecondsLeft = windowMilliseconds
    /// Nil: not reading.
    private var readingSince: Int64?
    private var bytes = 0

    /// - Returns: the moment at which the client has been too slow.
    mutating func resume(at now: Int64) -> Int64 {
        readingSince = readingSince ?? now
        return deadline(at: now)
    }

    mutating func pause(at now: Int64) {
        guard let since = readingSince else { return }
        millisecondsLeft = max(0, millisecondsLeft - (now - since))
        readingSince = nil
    }

    /// - Returns: the new moment, after enough has come for another window; else nil.
    mutating func received(_ count: Int, at now: Int64) -> Int64? {
        bytes += count
        guard bytes >= Self.windowBytes else { return nil }
        bytes = 0
        millisecondsLeft = Self.windowMilliseconds
        guard readingSince != nil else { return nil }
        readingSince = now
        return deadline(at: now)
    }

    private func deadline(at now: Int64) -> Int64 { (readingSince ?? now) + millisecondsLeft }
}
