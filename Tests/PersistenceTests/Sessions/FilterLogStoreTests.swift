import Testing

@testable import Persistence

@Suite struct FilterLogStoreTests {
    private struct Fixture {
        var logs: FilterLogStore
        var sessions: SessionStore
        var database: Database

        /// Entries 1 to `count`, as the log writer would have put them.
        func fill(_ log: FilterLog, _ count: Int64) async throws {
            _ = try await database.query(
                """
                INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload)
                SELECT $1, n, $1 + n, 0, 13, 0, gen_random_uuid(), 'x' FROM generate_series(1, $2) n
                """, [.int(log.topicID), .int(count)])
            _ = try await database.query(
                "UPDATE topics SET last_seq = $2 WHERE id = $1", [.int(log.topicID), .int(count)])
        }

        func seqs(_ log: FilterLog) async throws -> [Int64] {
            let rows = try await database.query(
                "SELECT seq FROM messages WHERE topic_id = $1 ORDER BY seq", [.int(log.topicID)])
            return (0..<rows.count).map { rows.int($0, 0) }
        }

        func session(_ id: Int64, _ filter: [UInt8], qos: UInt8 = 1, cursor: Cursor?) async throws {
            _ = try await sessions.create(id: id, user: 1, clientID: [UInt8(id)])
            try await sessions.save([StoredSubscription(filter: filter, options: qos, identifier: 0)], of: id)
            if let cursor { try await sessions.save([(id, SessionState(cursors: [cursor]))]) }
        }
    }

    private func with(_ body: (Fixture) async throws -> Void) async throws {
        try await TestDatabase.with { (test) async throws in
            try await body(
                Fixture(
                    logs: FilterLogStore(test.database), sessions: SessionStore(test.database), database: test.database)
            )
        }
    }

    private let filter = Array("a/+".utf8)

    @Test func aFilterHasOneLog() async throws {
        try await with { (fixture) async throws in
            let long = Array(repeating: UInt8(ascii: "/"), count: 65_535)
            let made = try await fixture.logs.logs(of: [filter, long], ids: [100, 101])
            #expect(Set(made.map(\.topicID)) == [100, 101])
            let again = try await fixture.logs.logs(of: [filter], ids: [102])
            #expect(again == [FilterLog(topicID: 100, filter: filter, lastSeq: 0)])
            #expect(try await fixture.logs.all().map(\.filter) == [filter, long])
            try await fixture.session(10, long, cursor: nil)
            #expect(try await fixture.sessions.load(user: 1, clientID: [10])?.subscriptions.first?.log?.topicID == 101)
        }
    }

    @Test func manyMakersAgree() async throws {
        try await with { (fixture) async throws in
            let ids = try await withThrowingTaskGroup { group in
                for id in Int64(100)..<108 {
                    group.addTask { try await fixture.logs.logs(of: [filter], ids: [id]).map(\.topicID) }
                }
                return try await group.reduce(into: Set<Int64>()) { $0.formUnion($1) }
            }
            #expect(ids.count == 1)
        }
    }

    /// Each: the cursors of sessions (nil: not saved yet; with QoS 0 it does not count), and what is left of five entries.
    @Test(
        arguments: [
            ([], []), ([(1, 2), (1, 4)], [3, 4, 5]), ([(1, 5)], []), ([(1, nil)], []),
            ([(1, 0), (1, 5)], [1, 2, 3, 4, 5]),
            ([(0, 0), (2, 3)], [4, 5]),
        ] as [([(qos: UInt8, acked: Int64?)], [Int64])])
    func whatAllHaveReadIsDeleted(_ cursors: [(qos: UInt8, acked: Int64?)], _ left: [Int64]) async throws {
        try await with { (fixture) async throws in
            let log = try await fixture.logs.logs(of: [filter], ids: [100])[0]
            try await fixture.fill(log, 5)
            for (number, (qos, acked)) in cursors.enumerated() {
                try await fixture.session(
                    Int64(10 + number), filter, qos: qos, cursor: acked.map { Cursor(topicID: 100, acked: $0) })
            }
            for _ in 0..<2 {
                #expect(try await fixture.logs.purgeEntries(limit: RetentionLimit(), now: 0).isEmpty)
                #expect(try await fixture.seqs(log) == left)
            }
        }
    }

    /// Each: what two sessions have read of five entries that are one to five hours old, the limit, what is left, and how many are lost.
    @Test(
        arguments: [
            ([1, 3], RetentionLimit(count: 4), [2, 3, 4, 5], 0), ([1, 3], RetentionLimit(count: 2), [4, 5], 2),
            ([1, 3], RetentionLimit(ageMilliseconds: 9_000_000), [4, 5], 2),
            ([1, 3], RetentionLimit(ageMilliseconds: 9_000_000, count: 1), [5], 3),
            ([4, 5], RetentionLimit(count: 3), [5], 0), ([0, 0], RetentionLimit(ageMilliseconds: 1), [], 5),
        ] as [([Int64], RetentionLimit, [Int64], Int64)])
    func whatIsBeyondTheLimitIsDeleted(
        _ read: [Int64], _ limit: RetentionLimit, _ left: [Int64], _ lostCount: Int64
    ) async throws {
        try await with { (fixture) async throws in
            let log = try await fixture.logs.logs(of: [filter], ids: [100])[0]
            try await fixture.fill(log, 5)
            let now: Int64 = 1_800_000_000_000
            _ = try await fixture.database.query(
                "UPDATE messages SET id = ($1 - (6 - seq) * 3600000) << 22", [.int(now - IDGenerator.epochMilliseconds)]
            )
            for (number, seq) in read.enumerated() {
                try await fixture.session(Int64(10 + number), filter, cursor: Cursor(topicID: 100, acked: seq))
            }
            let lost = try await fixture.logs.purgeEntries(limit: limit, now: now)
            #expect(lost.map(\.lostCount) == (lostCount > 0 ? [lostCount] : []))
            #expect(try await fixture.seqs(log) == left)
            #expect(try await fixture.logs.purgeEntries(limit: limit, now: now).isEmpty)
        }
    }

    /// A QoS 2 publisher that was not answered publishes again, when it is back: what shows that it is the same message stays as long.
    @Test func whatMayBePublishedAgainStays() async throws {
        try await with { (fixture) async throws in
            let log = try await fixture.logs.logs(of: [filter], ids: [100])[0]
            try await fixture.fill(log, 5)
            try await fixture.session(10, filter, cursor: Cursor(topicID: 100, acked: 4))
            try await fixture.session(11, [1], cursor: nil)
            var publisher = SessionState()
            for (packetID, entryID) in [(7, 102), (8, 103), (9, 105)] as [(UInt16, Int64)] {
                publisher.exchanges.append(
                    SessionState.Exchange(packetID: packetID, entryID: entryID, isPublished: true))
            }
            for left in [[2, 3, 4, 5], [3, 4, 5], [5]] as [[Int64]] {
                try await fixture.sessions.save([(11, publisher)])
                #expect(try await fixture.logs.purgeEntries(limit: RetentionLimit(), now: 0).isEmpty)
                #expect(try await fixture.seqs(log) == left)
                publisher.exchanges.removeFirst()
            }
            // Beyond the limit it goes all the same.
            let lost = try await fixture.logs.purgeEntries(limit: RetentionLimit(count: 0), now: 0)
            #expect(lost.map(\.lostCount) == [1])
        }
    }

    /// The members of a shared subscription have one place in its log, whatever cursors and sessions there are.
    @Test(
        arguments: [
            (Consumption(), [1, 2, 3, 4, 5]), (Consumption(end: 3), [4, 5]), (Consumption(end: 5), []),
            (Consumption(end: 5, open: [2, 4]), [2, 3, 4, 5]), (Consumption(end: 4, open: [1]), [1, 2, 3, 4, 5]),
        ] as [(Consumption, [Int64])])
    func whatMembersHaveDoneWithIsDeleted(_ consumption: Consumption, _ left: [Int64]) async throws {
        try await with { (fixture) async throws in
            let shared = Array("$share/g/a/+".utf8)
            let log = try await fixture.logs.logs(of: [shared], ids: [100])[0]
            try await fixture.fill(log, 5)
            try await fixture.session(10, shared, cursor: nil)
            let saved = try await fixture.logs.save([100: consumption, 999: Consumption(end: 1)])
            #expect(Set(saved) == [100, 999])
            #expect(try await fixture.logs.purgeEntries(limit: RetentionLimit(), now: 0).isEmpty)
            #expect(try await fixture.seqs(log) == left)
            #expect(try await fixture.logs.all().map(\.consumption) == [consumption])
            #expect(
                try await fixture.sessions.load(user: 1, clientID: [10])?.subscriptions.first?.log?.consumption
                    == consumption)
        }
    }

    /// What a session has taken over is told when the logs are read; entries of other logs are not.
    @Test func whatSessionsHaveTaken() async throws {
        try await with { (fixture) async throws in
            let shared = Array("$share/g/a/+".utf8)
            _ = try await fixture.logs.logs(of: [shared, filter], ids: [100, 101])
            try await fixture.session(10, shared, cursor: nil)
            var state = SessionState()
            state.nextOrdinal = 3
            state.holdsShared = true
            for (ordinal, topicID) in [(0, 100), (1, 101), (2, 100)] as [(Int64, Int64)] {
                state.deliveries.append(
                    SessionState.Delivery(
                        ordinal: ordinal, topicID: topicID, seq: 7 + ordinal, isExactlyOnce: true,
                        progress: ordinal == 0 ? .sent : .released))
            }
            try await fixture.sessions.save([(10, state)])
            #expect(try await fixture.logs.all().map(\.consumption.taken) == [[7, 9], []])
        }
    }

    /// Who changes a row holds nobody up.
    @Test func rowsInUseAreLeftOut() async throws {
        try await with { (fixture) async throws in
            _ = try await fixture.logs.logs(of: [[1], [2]], ids: [100, 101])
            try await fixture.database.transaction { (transaction) async throws in
                _ = try await transaction.query("UPDATE filter_logs SET wanted_at = now() WHERE topic_id = 100")
                let saved = try await fixture.logs.save([100: Consumption(end: 1), 101: Consumption(end: 2)])
                #expect(saved == [101])
            }
            #expect(try await fixture.logs.all().map(\.consumption.floor) == [0, 2])
        }
    }

    /// A session that went before it had a cursor begins where the log ended when it subscribed, and so long its entries stay.
    @Test func subscribedWithoutACursor() async throws {
        try await with { (fixture) async throws in
            let log = try await fixture.logs.logs(of: [filter], ids: [100])[0]
            try await fixture.fill(log, 5)
            _ = try await fixture.sessions.create(id: 10, user: 1, clientID: [10])
            for (options, seq, expected) in [(1, 2, 2), (2, 4, 2), (0, 4, nil), (1, 3, 3)] as [(UInt8, Int64, Int64?)] {
                let subscription = StoredSubscription(filter: filter, options: options, identifier: 0, logSeq: seq)
                try await fixture.sessions.save([subscription], of: 10)
                let loaded = try await fixture.sessions.load(user: 1, clientID: [10])?.subscriptions.first
                #expect(loaded?.logSeq == expected)
            }
            _ = try await fixture.logs.purgeEntries(limit: RetentionLimit(), now: 0)
            #expect(try await fixture.seqs(log) == [4, 5])
        }
    }

    @Test func logsWithoutSessionsGo() async throws {
        try await with { (fixture) async throws in
            let logs = try await fixture.logs.logs(of: [filter, [1], [2]], ids: [100, 101, 102])
            try await fixture.session(10, [1], cursor: nil)
            for log in logs { try await fixture.fill(log, 3) }
            #expect(try await fixture.logs.removeUnwanted() == [])
            _ = try await fixture.database.query(
                "UPDATE filter_logs SET wanted_at = now() - interval '2 hours' WHERE topic_id < 102")
            #expect(try await fixture.logs.removeUnwanted().map(\.topicID) == [100])
            #expect(try await fixture.seqs(logs.first { $0.topicID == 100 }!) == [])
            #expect(try await fixture.logs.all().map(\.topicID) == [101, 102])
        }
    }
}
