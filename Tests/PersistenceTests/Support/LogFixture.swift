import Glibc
import Synchronization
import Topics

@testable import Persistence

/// What a log writer told its observers, and tasks that wait for some of it.
final class Recorder: CommitObserver, OutcomeObserver {
    private struct State {
        var entries: [LogEntry] = []
        var ids: Set<Int64> = []
        var threads: Set<pthread_t> = []
        var outcomes: [UInt64: AppendOutcome] = [:]
        var waiting:
            [(isOver: @Sendable ([UInt64: AppendOutcome]) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
                []
    }

    private let state = Mutex(State())

    var entries: [LogEntry] { state.withLock { $0.entries } }
    var outcomes: [UInt64: AppendOutcome] { state.withLock { $0.outcomes } }
    /// Those on which entries were reported.
    var threads: Set<pthread_t> { state.withLock { $0.threads } }

    func committed(_ entries: [LogEntry]) {
        state.withLock { state in
            state.entries += entries
            state.ids.formUnion(entries.map(\.id))
            state.threads.insert(pthread_self())
        }
    }

    func outcomes(_ outcomes: [(token: UInt64, outcome: AppendOutcome)], forShard index: Int) {
        let ready = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            for (token, outcome) in outcomes {
                precondition(state.outcomes[token] == nil, "an outcome came twice")
                if case .committed(_, let id) = outcome {
                    precondition(state.ids.contains(id), "an outcome came before its entry")
                }
                state.outcomes[token] = outcome
            }
            let known = state.outcomes
            let over = state.waiting.filter { $0.isOver(known) }
            state.waiting.removeAll { $0.isOver(known) }
            return over.map(\.continuation)
        }
        for continuation in ready { continuation.resume() }
    }

    /// Returns when so many outcomes have come.
    func wait(forOutcomes count: Int) async { await wait { $0.count >= count } }

    /// Returns when the outcome of this append has come.
    func wait(forOutcomeOf token: Int) async { await wait { $0[UInt64(token)] != nil } }

    private func wait(_ isOver: @escaping @Sendable ([UInt64: AppendOutcome]) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if isOver(state.outcomes) { return true }
                state.waiting.append((isOver, continuation))
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}

/// A log writer on a fresh database with topics `group/1` to `group/N`.
struct LogFixture {
    let test: TestDatabase
    let writer: LogWriter
    let recorder = Recorder()
    let ids: IDGenerator

    static let topics = 8

    /// - Parameter url: of an empty database; nil: a fresh one on the shared cluster.
    init(
        _ limits: LogWriter.Limits = LogWriter.Limits(), url: String? = nil,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws {
        if let url { test = try await TestDatabase(url: url) } else { test = try await TestDatabase() }
        ids = IDGenerator(node: 1) { 1_800_000_000_000 }
        writer = LogWriter(
            url: test.url, database: test.database, limits: limits, commits: recorder, outcomes: recorder,
            report: report)
        _ = try await test.database.query(
            "INSERT INTO topics (id, kind) SELECT id, 3 FROM generate_series(1, $1) id", [.int(Int64(Self.topics))])
        writer.start()
    }

    static func with(
        _ limits: LogWriter.Limits = LogWriter.Limits(), _ body: (LogFixture) async throws -> Void
    ) async throws {
        let fixture = try await LogFixture(limits)
        do {
            try await body(fixture)
        } catch {
            await fixture.writer.close()
            throw error
        }
        await fixture.writer.close()
        fixture.test.database.close()
    }

    /// - Parameter reference: makes the key, as a `client_ref` would; nil: the id does.
    func entry(
        _ topic: Int64, _ text: String = "x", sender: Int64 = 5, kind: EntryKind = .message, reference: UInt64? = nil
    ) -> Append {
        let id = ids.next()
        return Append(
            topic: StoredTopic(id: topic, address: .group(topic)), id: id, senderID: sender, kind: kind,
            key: reference.map { IdempotencyKey(high: 1 << 63, low: $0) } ?? IdempotencyKey(entryID: id),
            suffix: Array(",\"body\":{\"text\":\"\(text)\"}}".utf8))
    }

    /// Where REST's tasks run: what is appended there the lane's thread may send and report itself.
    var lane: any TaskExecutor { test.database.executor }

    /// Appends and waits, as REST does.
    func append(_ entry: Append) async -> AppendOutcome {
        await withCheckedContinuation { continuation in
            if !writer.append(entry, origin: .task(continuation)) { continuation.resume(returning: .unavailable) }
        }
    }

    /// The stored log of a topic: seq, ordinal, and text of the payload.
    func log(_ topic: Int64) async throws -> [(seq: Int64, id: Int64, ordinal: Int64, kind: Int64)] {
        let rows = try await test.database.query(
            "SELECT seq, id, ordinal, kind FROM messages WHERE topic_id = $1 ORDER BY seq", [.int(topic)])
        return (0..<rows.count).map { (rows.int($0, 0), rows.int($0, 1), rows.int($0, 2), rows.int($0, 3)) }
    }
}

extension AppendOutcome {
    var seq: Int64? {
        switch self {
        case .committed(let seq, _), .repeated(let seq, _): seq
        case .clientRefReused, .topicGone, .flawed, .attachmentMissing, .unavailable: nil
        }
    }

    var name: String {
        switch self {
        case .committed: "committed"
        case .repeated: "repeated"
        case .clientRefReused: "clientRefReused"
        case .topicGone: "topicGone"
        case .flawed(let flaw): "\(flaw)"
        case .attachmentMissing: "attachmentMissing"
        case .unavailable: "unavailable"
        }
    }
}
