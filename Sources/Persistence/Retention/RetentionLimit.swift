/// How much of a log is kept; what is beyond either limit goes.
package struct RetentionLimit: Sendable, Equatable {
    /// Above 0; nil: entries of any age.
    package var ageMilliseconds: Int64?
    /// Above 0; nil: any number of entries.
    package var count: Int64?

    package init(ageMilliseconds: Int64? = nil, count: Int64? = nil) {
        self.ageMilliseconds = ageMilliseconds
        self.count = count
    }

    /// For logs of filters on plain topics (docs/decisions/0010).
    package static let ofFilters = RetentionLimit(
        ageMilliseconds: SessionStore.absenceSecondsMax * 1_000, count: 1_000_000)

    package var isNone: Bool { ageMilliseconds == nil && count == nil }

    /// Entries with lower ids are too old; 0: none is.
    /// - Parameter now: Unix milliseconds.
    func oldestID(now: Int64) -> Int64 {
        ageMilliseconds.map { IDGenerator.first(at: now - $0) } ?? 0
    }

    /// Entries below this one are too many; 0 or less: none is.
    func below(lastSeq: Int64) -> Int64 { count.map { lastSeq - $0 + 1 } ?? 0 }
}
