import MQTT
import Persistence

/// What the shards had published when they knew of a subscription. What a shard publishes later reaches it live.
struct RetainedFence {
    /// By shard, the number of the last put at that moment; of numbers above it those of this shard are later.
    var lastPuts: [UInt64]
    /// Begun before: so later puts are known for what they are.
    var read: RetainedRead
}

/// The reads of retained messages of one shard: which sessions wait, and how many are under way.
struct RetainedReads {
    /// A question to all shards, for one SUBSCRIBE.
    private struct Round {
        var session: UInt64
        /// The last of the requests that are meant.
        var serial: UInt64
        var fence: RetainedFence
        var answersMissing: Int
    }

    private var rounds: [UInt64: Round] = [:]
    private var lastRound: UInt64 = 0
    /// First come, first served; those before `start` are served.
    private var waiting: [UInt64] = []
    private var start = 0
    var runningCount = 0
    /// Monotonic milliseconds: the database did not answer.
    var pausedUntil: Int64 = 0

    // MARK: Fences

    /// - Returns: the round's number.
    mutating func beginRound(_ session: UInt64, _ serial: UInt64, shards: Int, _ read: RetainedRead) -> UInt64 {
        lastRound += 1
        let fence = RetainedFence(lastPuts: Array(repeating: 0, count: shards), read: read)
        rounds[lastRound] = Round(session: session, serial: serial, fence: fence, answersMissing: shards)
        return lastRound
    }

    /// A shard's answer.
    /// - Returns: whose requests are ready then, if it was the last one.
    mutating func answered(
        _ number: UInt64, by shard: Int, lastPut: UInt64
    ) -> (session: UInt64, serial: UInt64, fence: RetainedFence)? {
        guard var round = rounds.removeValue(forKey: number) else { preconditionFailure("one answer from each shard") }
        round.fence.lastPuts[shard] = lastPut
        round.answersMissing -= 1
        if round.answersMissing == 0 { return (round.session, round.serial, round.fence) }
        rounds[number] = round
        return nil
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
