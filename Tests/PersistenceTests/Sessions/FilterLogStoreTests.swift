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
            #expect(try await fixture.logs.purgeEntries() == 5 - left.count)
            #expect(try await fixture.seqs(log) == left)
            #expect(try await fixture.logs.purgeEntries() == 0)
        }
    }

    /// A publisher of QoS 2 may send again what it has not released, however long it stays away: then it must be found.
    @Test func whatMayComeAgainStays() async throws {
        try await with { (fixture) async throws in
            let log = try await fixture.logs.logs(of: [filter], ids: [100])[0]
            try await fixture.fill(log, 5)
            try await fixture.session(10, filter, cursor: Cursor(topicID: 100, acked: 4))
            _ = try await fixture.sessions.create(id: 11, user: 2, clientID: [11])
            var publisher = SessionState()
            for seq in [2, 5] as [Int64] {
                publisher.exchanges.append(
                    SessionState.Exchange(packetID: UInt16(seq), entryID: log.topicID + seq, isPublished: true))
            }
            try await fixture.sessions.save([(11, publisher)])
            #expect(try await fixture.logs.purgeEntries() == 3)
            #expect(try await fixture.seqs(log) == [2, 5])
            publisher.exchanges.removeFirst()
            try await fixture.sessions.save([(11, publisher)])
            #expect(try await fixture.logs.purgeEntries() == 1)
            #expect(try await fixture.seqs(log) == [5])
            #expect(try await fixture.logs.purgeEntries() == 0)
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
            #expect(try await fixture.logs.purgeEntries() == 5 - left.count)
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
            _ = try await fixture.logs.purgeEntries()
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
