import Synchronization

/// Follows conversations in the background, shortly after their entries were committed. It learns from the log's writers what has moved; what
/// it did not hear, since the hub was not there or too much moved at once, it looks for at the start and every hour.
package final class LogFollower: CommitObserver {
    private struct State {
        /// In the order in which they moved.
        var moved: [Int64] = []
        var isMoved: Set<Int64> = []
        /// Entries since `heardSince`, the end of the last step.
        var heard = 0
        var heardSince = ContinuousClock.now
        /// More has moved than is remembered.
        var needsSweep = false
    }

    /// Between looks at what has moved: with the step itself well below the two seconds within which messages are found.
    private static let pauseMilliseconds: Int64 = 200
    /// After a failure: the database is away, or very busy.
    private static let failurePauseMilliseconds: Int64 = 1_000
    private static let sweepSeconds: Int64 = 3_600
    /// More entries a second than following keeps up with at `backlogPause` are a rush: it must not slow down what it cannot keep up with.
    private static let rushEntriesPerSecond: Double = 5_000
    /// How much longer than a step the pause after it is, in a rush and otherwise.
    private static let rushPause = 29
    private static let backlogPause = 1
    /// Topics that are remembered; beyond it a sweep finds the rest.
    private static let topicsMax = 100_000

    private let store: FollowStore
    private let next: any CommitObserver
    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - next: hears of the entries first.
    ///   - report: a line for the log, when following fails.
    package init(store: FollowStore, next: any CommitObserver, report: @escaping @Sendable (String) -> Void) {
        self.store = store
        self.next = next
        self.report = report
    }

    package func committed(_ entries: [LogEntry]) {
        next.committed(entries)
        var last: Int64 = 0
        var topics: [Int64] = []
        for entry in entries where entry.topic.id != last && entry.isFollowed {
            last = entry.topic.id
            topics.append(last)
        }
        if !topics.isEmpty { note(topics, entries.count) }
    }

    /// Returns when its task is cancelled.
    package func run() async {
        // One page of topics between two pauses: a million are looked at in some minutes, and nobody notices.
        var place: Int64? = 0
        var nextSweep = ContinuousClock.now + .seconds(Self.sweepSeconds)
        var isFailing = false
        while !Task.isCancelled {
            var pause = Duration.milliseconds(Self.pauseMilliseconds)
            do {
                if takeNeedsSweep() || ContinuousClock.now >= nextSweep {
                    place = 0
                    nextSweep = ContinuousClock.now + .seconds(Self.sweepSeconds)
                }
                if let from = place { place = try await sweep(after: from) }
                try await followMoved()
                isFailing = false
            } catch {
                if !isFailing, !Task.isCancelled { report("conversations cannot be followed: \(error)") }
                isFailing = true
                pause = .milliseconds(Self.failurePauseMilliseconds)
            }
            try? await Task.sleep(for: pause)
        }
    }

    /// Follows what has moved by now; what moves meanwhile has its turn at the next look, so that a few messages a second more make no more
    /// steps. A step that left something is followed by a pause: a backlog takes at most half of one connection's time, and a thirtieth in a
    /// rush.
    func followMoved() async throws {
        var due = state.withLock { $0.moved.count }
        while !Task.isCancelled {
            let topics = take(due)
            guard !topics.isEmpty else { return }
            let start = ContinuousClock.now
            do {
                let left = try await store.follow(topics)
                if !left.isEmpty { note(left.map(\.topicID)) }
                // Less than that came while the step ran.
                due += left.count { $0.entries >= FollowStore.entriesPerTopicMin } - topics.count
            } catch {
                note(topics)
                throw error
            }
            let end = ContinuousClock.now
            let pause = state.withLock { Self.pause(&$0, at: end) }
            guard due > 0 || pause == Self.rushPause else { return }
            try await Task.sleep(for: (end - start) * pause)
        }
    }

    /// How many times as long as the step the pause is.
    private static func pause(_ state: inout State, at now: ContinuousClock.Instant) -> Int {
        defer { (state.heard, state.heardSince) = (0, now) }
        let isRush = Double(state.heard) > rushEntriesPerSecond * ((now - state.heardSince) / .seconds(1))
        return isRush ? rushPause : backlogPause
    }

    /// Looks at a page of topics for what has moved unheard.
    /// - Returns: where to go on; nil: that was the last page.
    func sweep(after topicID: Int64) async throws -> Int64? {
        let (topics, next) = try await store.unfollowed(after: topicID)
        note(topics)
        return next
    }

    private func takeNeedsSweep() -> Bool {
        state.withLock { state in
            defer { state.needsSweep = false }
            return state.needsSweep
        }
    }

    private func note(_ topics: [Int64], _ heard: Int = 0) {
        state.withLock { state in
            state.heard += heard
            for topic in topics where !state.isMoved.contains(topic) {
                guard state.moved.count < Self.topicsMax else {
                    state.needsSweep = true
                    return
                }
                state.isMoved.insert(topic)
                state.moved.append(topic)
            }
        }
    }

    private func take(_ most: Int) -> [Int64] {
        state.withLock { state in
            let topics = Array(state.moved.prefix(min(most, FollowStore.topicsPerStep)))
            state.moved.removeFirst(topics.count)
            state.isMoved.subtract(topics)
            return topics
        }
    }
}

extension LogEntry {
    /// There is something to do about it.
    fileprivate var isFollowed: Bool { kind == .message || kind == .edit || kind == .delete }
}
