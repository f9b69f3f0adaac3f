import Synchronization

/// The whole hub in numbers.
package struct Statistics: Sendable, Equatable {
    package var totals = ShardCounters()
    /// The most clients that were connected at once.
    package var clientsMax = 0
    /// Persistent sessions without a connection; nil: not known yet.
    package var sessionsAbsent: Int?
    /// nil: not known.
    package var retainedMessages: Int?
    package var uptimeSeconds: Int64 = 0
    /// As in `HubMetrics`.
    package var dropped: UInt64 = 0
    package var refused: UInt64 = 0
    package var throttled: UInt64 = 0
    package var turnedAway: UInt64 = 0
    package var lost: UInt64 = 0

    package init() {}
}

/// Where each shard puts its counters four times a second, for `$SYS` and `/metrics`: so counting needs no lock, and whoever asks
/// disturbs nobody.
final class StatisticsBoard: Sendable {
    private struct State {
        var shards: [ShardCounters]
        var clientsMax = 0
        var sessionsAbsent: Int?
        var retainedMessages: Int?
        var isCounting = false
        /// Unix milliseconds.
        var nextCount: Int64 = 0
    }

    private let startedAt: Int64
    private let state: Mutex<State>

    /// - Parameter now: Unix milliseconds.
    init(shardCount: Int, now: Int64) {
        startedAt = now
        state = Mutex(State(shards: Array(repeating: ShardCounters(), count: shardCount)))
    }

    func post(_ counters: ShardCounters, of shard: Int) {
        state.withLock { state in
            state.shards[shard] = counters
            let connected = state.shards.reduce(0) { $0 + $1.clientsConnected }
            state.clientsMax = max(state.clientsMax, connected)
        }
    }

    func statistics(now: Int64) -> Statistics {
        state.withLock { state in
            var result = Statistics()
            for counters in state.shards { result.totals += counters }
            result.clientsMax = state.clientsMax
            result.sessionsAbsent = state.sessionsAbsent
            result.retainedMessages = state.retainedMessages
            result.uptimeSeconds = max(0, now - startedAt) / 1000
            return result
        }
    }

    // MARK: What the database counts

    /// - Returns: whether the caller is to have it count now.
    func beginCount(now: Int64) -> Bool {
        state.withLock { state in
            guard !state.isCounting, now >= state.nextCount else { return false }
            state.isCounting = true
            return true
        }
    }

    /// The next count comes so late that counting takes at most a hundredth of the database's time.
    /// - Parameters:
    ///   - sessionsAbsent: nil: that failed, and the last number stands.
    ///   - retainedMessages: likewise.
    func endCount(sessionsAbsent: Int?, retainedMessages: Int?, startedAt: Int64, now: Int64) {
        state.withLock { state in
            state.isCounting = false
            state.sessionsAbsent = sessionsAbsent ?? state.sessionsAbsent
            state.retainedMessages = retainedMessages ?? state.retainedMessages
            state.nextCount = now + 100 * max(0, now - startedAt)
        }
    }
}

extension Hub {
    /// As of at most a quarter of a second ago.
    package func statistics() -> Statistics {
        var statistics = board.statistics(now: services.wallMilliseconds())
        statistics.dropped = metrics.dropped.current
        statistics.refused = metrics.refused.current
        statistics.throttled = metrics.throttled.current
        statistics.turnedAway = metrics.turnedAway.current
        statistics.lost = metrics.lost.current
        return statistics
    }

    /// Has the database count what no shard knows, unless it is at that.
    func countInDatabase() {
        let start = services.wallMilliseconds()
        guard board.beginCount(now: start) else { return }
        Task {
            let absent = try? await services.sessions.countAbsent()
            let retained = try? await services.retained.count()
            board.endCount(
                sessionsAbsent: absent, retainedMessages: retained, startedAt: start, now: services.wallMilliseconds())
        }
    }
}
