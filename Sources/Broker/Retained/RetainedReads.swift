import MQTT
import Persistence

/// The reads of retained messages of one shard: which sessions wait, and how many are under way.
struct RetainedReads {
    /// Sessions by their tokens, each with the last request that is meant.
    typealias Newcomer = (session: UInt64, serial: UInt64)

    /// Subscribed since the last fence was sent.
    private var newcomers: [Newcomer] = []
    /// They wait for the fence that is under way.
    private var fenced: [Newcomer] = []
    private var fenceAnswersMissing = 0
    /// First come, first served; those before `start` are served.
    private var waiting: [UInt64] = []
    private var start = 0
    var runningCount = 0
    /// Monotonic milliseconds: the database did not answer.
    var pausedUntil: Int64 = 0

    // MARK: Fence

    mutating func add(_ newcomer: Newcomer) { newcomers.append(newcomer) }

    /// Whether a fence is to be sent now, to so many shards.
    mutating func beginFence(shards: Int) -> Bool {
        guard fenced.isEmpty, !newcomers.isEmpty else { return false }
        swap(&fenced, &newcomers)
        fenceAnswersMissing = shards
        return true
    }

    mutating func fenceAnswered() {
        precondition(fenceAnswersMissing > 0, "one answer from each shard")
        fenceAnswersMissing -= 1
    }

    /// Those who wait for a fence that has been answered by all.
    mutating func takeFenced() -> [Newcomer] {
        guard fenceAnswersMissing == 0 else { return [] }
        defer { fenced = [] }
        return fenced
    }

    // MARK: Queue

    var next: UInt64? { start < waiting.count ? waiting[start] : nil }

    mutating func queue(_ session: UInt64) { waiting.append(session) }

    mutating func removeNext() {
        start += 1
        if start == waiting.count {
            waiting = []
            start = 0
        } else if start >= 1_024, start * 2 > waiting.count {
            waiting.removeSubrange(..<start)
            start = 0
        }
    }
}

/// What a read of retained messages brought.
package struct RetainedAnswer: Sendable {
    enum Content: Sendable {
        /// A part of one session's walk.
        case topics(serial: UInt64, RetainedTopics)
        case messages(of: [[UInt8]], RetainedPage, RetainedRead)
        /// The database is away.
        case failure
    }

    /// For whom it was made.
    var sessions: [UInt64]
    var content: Content
}
