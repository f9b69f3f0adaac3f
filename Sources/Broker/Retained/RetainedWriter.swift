import Diagnostics
import Persistence
import Synchronization

/// The retained messages as the broker sees them; tests replace the database by memory.
package protocol RetainedSource: Sendable {
    /// At most one message for each topic; an empty payload removes. All or nothing.
    func write(_ messages: [RetainedMessage]) async throws(DatabaseError)
    func read(_ topics: [[UInt8]], bytesMax: Int) async throws(DatabaseError) -> RetainedPage
    func count() async throws(DatabaseError) -> Int
    func topics(
        after position: RetainedPosition, before end: [UInt8], limit: Int, bytesMax: Int
    ) async throws(DatabaseError) -> RetainedTopics
}

extension RetainedStore: RetainedSource {}

/// Writes retained messages: whatever came during the last commit is the next, and of several messages to one topic only the last is
/// written. Any thread may use it.
final class RetainedWriter: Sendable {
    struct Limits {
        var overlay = RetainedOverlay.Limits()
        /// When the database has been away for so long, who waits is told that it is unavailable; the values are kept and written later.
        var unavailableAfter = Duration.seconds(30)
        var backoffMin = Duration.milliseconds(50)
        var backoffMax = Duration.seconds(1)
    }

    private struct State {
        var overlay: RetainedOverlay
        var isRunning = false
        /// The database has been away for long: nobody may wait for it.
        var isUnavailable = false
        /// Who waits until all puts up to a number are settled.
        var settling: [(put: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let source: any RetainedSource
    private let mailroom: Mailroom
    private let logger: Logger
    private let limits: Limits
    private let state: Mutex<State>
    private let hasAny: Atomic<Bool>

    /// - Parameter hasAny: false: no topic keeps a message yet.
    init(source: any RetainedSource, hasAny: Bool, mailroom: Mailroom, logger: Logger, limits: Limits = Limits()) {
        self.source = source
        self.mailroom = mailroom
        self.logger = logger
        self.limits = limits
        self.hasAny = Atomic(hasAny)
        state = Mutex(State(overlay: RetainedOverlay(limits.overlay)))
    }

    /// False as long as no topic can keep a message: then nobody has to look for one.
    var mayHaveAny: Bool { hasAny.load(ordering: .acquiring) }

    /// The number of the last put of all.
    var lastPut: UInt64 { state.withLock { $0.overlay.lastPut } }

    /// Nothing waits to be written.
    var isIdle: Bool { state.withLock { $0.overlay.isIdle } }

    // MARK: Writing

    /// From the return on, whoever asks for the topic gets this message.
    /// - Parameter token: gets the outcome after the commit, at that shard; 0: nobody waits for it.
    /// - Returns: false: it can't be taken now, and there will be no outcome.
    func put(_ message: RetainedMessage, shard: Int, token: UInt64) -> Bool {
        hasAny.store(true, ordering: .releasing)
        let (isTaken, mustStart) = state.withLock { state -> (Bool, Bool) in
            guard token == 0 || !state.isUnavailable, state.overlay.put(message, shard: shard, token: token) else {
                return (false, false)
            }
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        if mustStart { Task { await run() } }
        return isTaken
    }

    /// Returns when everything that was put before is committed, or given up.
    func settled() async {
        await withCheckedContinuation { continuation in
            let isSettled = state.withLock { state in
                if !state.overlay.isIdle { state.settling.append((state.overlay.lastPut, continuation)) }
                return state.overlay.isIdle
            }
            if isSettled { continuation.resume() }
        }
    }

    /// Writes until nothing waits.
    private func run() async {
        while true {
            let batch = state.withLock { state in
                let batch = state.overlay.takeBatch()
                state.isRunning = !batch.isEmpty
                return batch
            }
            guard !batch.isEmpty else { return }
            let isCommitted = await write(batch)
            let (origins, settled) = state.withLock { state in
                state.isUnavailable = false
                let origins = state.overlay.endBatch(isCommitted: isCommitted)
                let count = state.overlay.settledCount
                let settled = state.settling.filter { $0.put <= count }
                state.settling.removeAll { $0.put <= count }
                return (origins, settled)
            }
            report(isCommitted ? .committed(seq: 0, id: 0) : .unavailable, to: origins)
            for waiting in settled { waiting.continuation.resume() }
        }
    }

    /// Until the database has answered. False: it refuses the batch.
    private func write(_ batch: [RetainedMessage]) async -> Bool {
        var awaySince: ContinuousClock.Instant?
        var backoff = limits.backoffMin
        while true {
            do throws(DatabaseError) {
                try await source.write(batch)
                return true
            } catch {
                guard case .unavailable = error else {
                    logger.warning("\(batch.count) retained messages could not be stored: \(error)")
                    return false
                }
                if awaySince == nil { logger.warning("retained messages can't be stored now: \(error)") }
                awaySince = awaySince ?? .now
            }
            if let awaySince, .now - awaySince >= limits.unavailableAfter {
                let origins = state.withLock { state in
                    state.isUnavailable = true
                    return state.overlay.takeOrigins()
                }
                report(.unavailable, to: origins)
            }
            try? await Task.sleep(for: backoff)
            backoff = min(backoff * 2, limits.backoffMax)
        }
    }

    private func report(_ outcome: AppendOutcome, to origins: [RetainedOverlay.Origin]) {
        var byShard: [Int: [(token: UInt64, outcome: AppendOutcome)]] = [:]
        for origin in origins { byShard[origin.shard, default: []].append((origin.token, outcome)) }
        for (shard, outcomes) in byShard { mailroom.outcomes(outcomes, forShard: shard) }
    }

    // MARK: Reading

    /// To be held from before the database is asked until what it said is dealt with.
    func beginRead() -> RetainedRead {
        RetainedRead(self, start: state.withLock { $0.overlay.beginRead() })
    }

    fileprivate func end(_ start: UInt64) { state.withLock { $0.overlay.endRead(start) } }

    /// What these topics keep as of now, given what the database said during `read`; nil: it has to be asked again.
    /// A topic that keeps nothing is not in it.
    func newest(
        of topics: some Collection<[UInt8]>, found: [RetainedMessage], _ read: RetainedRead
    ) -> [[UInt8]: RetainedOverlay.Put]? {
        guard let newer = state.withLock({ $0.overlay.newest(of: topics, readSince: read.start) }) else { return nil }
        var newest: [[UInt8]: RetainedOverlay.Put] = [:]
        for message in found { newest[message.topic] = RetainedOverlay.Put(message: message, number: 0, shard: 0) }
        for put in newer { newest[put.message.topic] = put.message.isNone ? nil : put }
        return newest
    }

    /// nil: the database is away.
    func read(_ topics: [[UInt8]]) async -> RetainedPage? {
        do throws(DatabaseError) {
            return try await source.read(topics, bytesMax: Broker.Limits.retainedBytesMax)
        } catch {
            logger.warning("retained messages could not be read: \(error)")
            return nil
        }
    }

    /// The topics on the next part of a walk that its filter matches; nil: the database is away.
    func topics(_ walk: RetainedReplay.Walk) async -> RetainedTopics? {
        do throws(DatabaseError) {
            var found = try await source.topics(
                after: walk.position, before: walk.end, limit: Broker.Limits.retainedTopicsMax,
                bytesMax: Broker.Limits.retainedBytesMax)
            found.topics.removeAll { !walk.filter.matches($0.span) }
            return found
        } catch {
            logger.warning("retained topics could not be read: \(error)")
            return nil
        }
    }
}

/// A read of the database that is under way, for as long as somebody holds this.
package final class RetainedRead: Sendable {
    fileprivate let start: UInt64
    private let writer: RetainedWriter

    fileprivate init(_ writer: RetainedWriter, start: UInt64) {
        self.writer = writer
        self.start = start
    }

    deinit { writer.end(start) }
}
