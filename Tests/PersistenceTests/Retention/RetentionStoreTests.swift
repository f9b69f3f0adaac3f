import Synchronization
import Testing
import Topics

@testable import Persistence

private let now: Int64 = 1_800_000_000_000

/// Which entries go, in which steps, and what holds meanwhile.
@Suite struct RetentionStoreTests {
    private static let hour: Int64 = 3_600_000

    private struct Fixture {
        let database: Database

        /// A topic whose entries, from 1 on, are so many hours old.
        func fill(_ topic: Int64, _ kind: TopicKind = .group, ages: [Int64]) async throws {
            _ = try await database.query(
                "INSERT INTO topics (id, kind, last_seq) VALUES ($1, $2::bigint, $3)",
                [.int(topic), .int(Int64(kind.rawValue)), .int(Int64(ages.count))])
            let ids = ages.map { IDGenerator.first(at: now - $0 * hour) }
            _ = try await database.query(
                """
                INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload)
                SELECT $1, e.seq, e.id, 0, 1, e.seq, gen_random_uuid(), 'x'
                FROM unnest($2::bigint[]) WITH ORDINALITY AS e(id, seq)
                """, [.int(topic), .ints(ids)])
        }

        func trim(_ limits: [TopicKind: RetentionLimit]) async throws -> Int {
            try await RetentionStore(database).trim(limits, now: now) { _, _ in }
        }

        /// The entries that are there, which the topic's row must name: the first of them, and the last.
        func seqs(_ topic: Int64) async throws -> [Int64] {
            let row = try await database.query(
                "SELECT first_seq, last_seq FROM topics WHERE id = $1", [.int(topic)])
            let rows = try await database.query(
                "SELECT seq FROM messages WHERE topic_id = $1 ORDER BY seq", [.int(topic)])
            let seqs = (0..<rows.count).map { rows.int($0, 0) }
            #expect(seqs == Array(row.int(0, 0)..<row.int(0, 1) + 1))
            return seqs
        }
    }

    private func with(_ body: (Fixture) async throws -> Void) async throws {
        try await TestDatabase.with { test in try await body(Fixture(database: test.database)) }
    }

    /// Each: ages of the entries in hours, the limit, and what is left.
    @Test(
        arguments: [
            ([5, 4, 3, 2, 1], RetentionLimit(), [1, 2, 3, 4, 5]), ([5, 4, 3, 2, 1], hours(6), [1, 2, 3, 4, 5]),
            ([5, 4, 3, 2, 1], hours(3), [3, 4, 5]), ([5, 4, 3, 2, 1], hours(0), []), ([], hours(1), []),
            ([5, 4, 3, 2, 1], RetentionLimit(count: 2), [4, 5]), ([2, 1], RetentionLimit(count: 2), [1, 2]),
            ([5, 4, 3, 2, 1], hours(4, count: 3), [3, 4, 5]), ([5, 4, 3, 2, 1], hours(2, count: 3), [4, 5]),
            // An old entry behind a younger one waits for it: the exchange it came in was completed late.
            ([1, 9, 1], hours(3), [1, 2, 3]), ([9, 9, 1, 9, 1], hours(3), [3, 4, 5]),
            ([1, 9, 1], hours(3, count: 2), [3]),
        ] as [([Int64], RetentionLimit, [Int64])])
    func limits(_ ages: [Int64], _ limit: RetentionLimit, _ left: [Int64]) async throws {
        try await with { fixture in
            try await fixture.fill(7, ages: ages)
            #expect(try await fixture.trim([.group: limit]) == ages.count - left.count)
            #expect(try await fixture.seqs(7) == left)
            #expect(try await fixture.trim([.group: limit]) == 0)
        }
    }

    private static func hours(_ number: Int64, count: Int64? = nil) -> RetentionLimit {
        // One millisecond spare: an entry of that age is as old as it may be.
        RetentionLimit(ageMilliseconds: number * hour + 1, count: count)
    }

    @Test func eachKindHasItsOwn() async throws {
        try await with { fixture in
            for kind in TopicKind.allCases {
                try await fixture.fill(Int64(kind.rawValue), kind, ages: Array(repeating: 1, count: 9))
            }
            _ = try await fixture.trim([
                .inbox: RetentionLimit(count: 1), .direct: RetentionLimit(count: 2), .filter: RetentionLimit(count: 4),
            ])
            var counts: [Int] = []
            for kind in TopicKind.allCases { counts.append(try await fixture.seqs(Int64(kind.rawValue)).count) }
            // Of filters, FilterLogStore knows what sessions still need.
            #expect(counts == [1, 2, 9, 9])
        }
    }

    /// More topics than are looked at at once.
    @Test func everyTopicHasItsTurn() async throws {
        try await with { fixture in
            _ = try await fixture.database.query(
                "INSERT INTO topics (id, kind, last_seq) SELECT n, 3, 2 FROM generate_series(1, 2500) n")
            _ = try await fixture.database.query(
                """
                INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload)
                SELECT n, seq, 1, 0, 1, seq, gen_random_uuid(), 'x'
                FROM generate_series(1, 2500) n, generate_series(1, 2) seq
                """)
            #expect(try await fixture.trim([.group: RetentionLimit(count: 1)]) == 2500)
            for topic in [1, 1000, 1001, 2500] { #expect(try await fixture.seqs(Int64(topic)) == [2]) }
        }
    }

    private final class Firsts: Sendable {
        private let state = Mutex<[Int64]>([])
        var all: [Int64] { state.withLock { $0 } }
        func append(_ first: Int64) { state.withLock { $0.append(first) } }
    }

    /// A long log goes in steps; whoever is stopped between two of them leaves a log that the next goes on with.
    @Test func steps() async throws {
        try await with { fixture in
            try await fixture.fill(7, ages: Array(repeating: 2, count: 3_100) + [0, 0])
            let firsts = Firsts(), store = RetentionStore(fixture.database), limits = [TopicKind.group: Self.hours(1)]
            let stopped = Task {
                try await store.trim(limits, now: now) { _, first in
                    firsts.append(first)
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
            await #expect(throws: CancellationError.self) { try await stopped.value }
            #expect(try await fixture.seqs(7).first == 1_001)
            let count = try await store.trim(limits, now: now) { firsts.append($1) }
            #expect(count == 2_100)
            #expect(firsts.all == [1_001, 2_001, 3_001, 3_101])
            #expect(try await fixture.seqs(7) == [3_101, 3_102])
        }
    }

    @Test func aTopicThatIsGone() async throws {
        try await with { fixture in
            let trimmed = try await LogTrimmer(database: fixture.database).trim(99, below: 5, oldestID: 0)
            #expect(trimmed.deleted == 0)
        }
    }

    /// Publishers go on, several hubs trim at once: nothing is numbered twice, nothing is missing in what is left.
    @Test func besidePublishers() async throws {
        try await LogFixture.with { log in
            let database = log.test.database
            let limits = [TopicKind.group: RetentionLimit(count: 10)]
            let trimmers = (0..<2).map { _ in
                Task {
                    while !Task.isCancelled {
                        _ = try await RetentionStore(database).trim(limits, now: now) { _, _ in }
                    }
                }
            }
            let count = 4_000
            for index in 0..<count {
                let isQueued = log.writer.append(
                    log.entry(Int64(index % 4 + 1)), origin: .shard(index: 0, token: UInt64(index)))
                #expect(isQueued)
                if index % 100 == 99 { await log.recorder.wait(forOutcomes: index - 50) }
            }
            await log.recorder.wait(forOutcomes: count)
            for trimmer in trimmers {
                trimmer.cancel()
                _ = await trimmer.result
            }
            let fixture = Fixture(database: database)
            _ = try await fixture.trim(limits)
            for topic in Int64(1)...4 {
                #expect(try await fixture.seqs(topic) == Array(991...1_000))
                #expect(log.recorder.entries.filter { $0.topic.id == topic }.map(\.seq) == Array(1...1_000))
            }
        }
    }

    /// protocol.md §2: the same entry for as long as it exists.
    @Test func aRepetitionOfWhatIsGoneIsNew() async throws {
        try await LogFixture.with { log in
            #expect(await log.append(log.entry(1, reference: 9)).seq == 1)
            #expect(await log.append(log.entry(1)).seq == 2)
            #expect(await log.append(log.entry(1, reference: 9)).name == "repeated")
            let fixture = Fixture(database: log.test.database)
            _ = try await fixture.trim([.group: RetentionLimit(count: 1)])
            let outcome = await log.append(log.entry(1, reference: 9))
            #expect(outcome.name == "committed" && outcome.seq == 3)
            // Messages are counted on, so differences stay right.
            #expect(try await log.log(1).map(\.ordinal) == [2, 3])
        }
    }

    /// What follows a place before the beginning begins at the beginning.
    @Test func readers() async throws {
        try await with { fixture in
            try await fixture.fill(7, ages: Array(repeating: 1, count: 9))
            _ = try await fixture.trim([.group: RetentionLimit(count: 4)])
            let reader = LogReader(fixture.database)
            let pages = try await reader.read([0, 4, 5, 6, 9].map { LogRead(topic: .group(7), after: $0, limit: 2) })
            #expect(pages.map { $0.map(\.seq) } == [[6, 7], [6, 7], [6, 7], [7, 8], []])
        }
    }
}
