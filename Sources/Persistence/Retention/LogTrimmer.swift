/// Deletes the beginnings of logs, a little at a time: publishers and readers have precedence.
struct LogTrimmer: Sendable {
    /// Entries that go in one statement, which takes some milliseconds.
    static let entriesPerStep: Int64 = 1_000
    /// After each step, for so many times as long as it took: a database that has much to do is asked less.
    private static let pauseFactor = 3

    /// A log's beginning as it was left.
    struct Trimmed {
        /// The first entry that is there; one above the last: none is.
        var firstSeq: Int64
        var deleted: Int64
    }

    let database: Database

    /// Deletes the entries below `below`, and those after them with ids below `oldestID` up to the first that is not. Each step leaves a log
    /// whose row and entries agree.
    /// - Parameter stepDone: hears of the first entry that is left.
    func trim(
        _ topicID: Int64, below: Int64, oldestID: Int64, stepDone: (_ firstSeq: Int64) -> Void = { _ in }
    ) async throws -> Trimmed {
        var done = Trimmed(firstSeq: 0, deleted: 0)
        while true {
            let deleted: Int64 = try await Self.gently {
                let rows = try await database.query(
                    "SELECT o_first, o_deleted FROM confab_trim($1, $2, $3, $4)",
                    [.int(topicID), .int(below), .int(oldestID), .int(Self.entriesPerStep)])
                // Its topic may have gone.
                guard !rows.isNull(0, 0) else { return 0 }
                done.firstSeq = rows.int(0, 0)
                if rows.int(0, 1) > 0 { stepDone(done.firstSeq) }
                return rows.int(0, 1)
            }
            done.deleted += deleted
            if deleted < Self.entriesPerStep { return done }
        }
    }

    /// Does a step, then pauses.
    static func gently<Result>(_ step: () async throws -> Result) async throws -> Result {
        let start = ContinuousClock.now
        let result = try await step()
        try await Task.sleep(for: (ContinuousClock.now - start) * pauseFactor)
        return result
    }
}
