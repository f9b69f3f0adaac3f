import Glibc
import Testing
import Topics

@testable import Persistence

/// What the log promises: gapless numbers in commit order, each entry once, outcomes that are true.
@Suite struct LogWriterTests {
    @Test func numbersAreGaplessUnderConcurrentPublishers() async throws {
        try await LogFixture.with { (log) async throws in
            let each = 700
            let publishers = 3
            await withTaskGroup(of: Void.self) { group in
                for publisher in 0..<publishers {
                    group.addTask {
                        for number in 0..<each {
                            let entry = log.entry(Int64(number % LogFixture.topics) + 1, sender: Int64(publisher + 1))
                            let token = UInt64(publisher * each + number)
                            #expect(log.writer.append(entry, origin: .shard(index: publisher, token: token)))
                        }
                    }
                }
            }
            await log.recorder.wait(forOutcomes: each * publishers)
            var total = 0
            for topic in 1...Int64(LogFixture.topics) {
                let stored = try await log.log(topic)
                #expect(stored.map(\.seq) == Array(1...Int64(stored.count)))
                #expect(stored.map(\.ordinal) == stored.map(\.seq))
                // The observer saw the same entries in the same order.
                let seen = log.recorder.entries.filter { $0.topic.id == topic }
                #expect(seen.map(\.seq) == stored.map(\.seq) && seen.map(\.id) == stored.map(\.id))
                // One publisher's entries are in the order of its calls: its ids ascend.
                for publisher in 1...Int64(publishers) {
                    let own = seen.filter { $0.senderID == publisher }.map(\.id)
                    #expect(own == own.sorted())
                }
                total += stored.count
            }
            #expect(total == each * publishers)
            let heads = try await LogReader(log.test.database).heads(of: [1, 2, 99])
            let stored = try await log.log(1)
            #expect(heads.count == 2 && heads[1] == Int64(stored.count))
        }
    }

    @Test func ordinalsCountMessagesOnly() async throws {
        try await LogFixture.with { (log) async throws in
            for kind in [EntryKind.group, .message, .reaction, .message, .edit] {
                _ = await log.append(log.entry(1, kind: kind))
            }
            #expect(try await log.log(1).map(\.ordinal) == [0, 1, 1, 2, 2])
            let rows = try await log.test.database.query("SELECT last_seq, messages FROM topics WHERE id = 1")
            #expect(rows.int(0, 0) == 5 && rows.int(0, 1) == 2)
        }
    }

    @Test func aRepeatedReferenceIsTheSameEntry() async throws {
        try await LogFixture.with { (log) async throws in
            let first = await log.append(log.entry(1, "a", reference: 7))
            _ = await log.append(log.entry(1, "b"))
            let again = await log.append(log.entry(1, "a", reference: 7))
            #expect(first.name == "committed" && again.name == "repeated" && again.seq == 1)
            #expect(await log.append(log.entry(1, "other", reference: 7)).name == "clientRefReused")
            #expect(await log.append(log.entry(1, "a", kind: .edit, reference: 7)).name == "clientRefReused")
            // Another topic or another sender is another entry.
            #expect(await log.append(log.entry(2, "a", reference: 7)).name == "committed")
            #expect(await log.append(log.entry(1, "a", sender: 6, reference: 7)).seq == 3)
            #expect(try await log.log(1).map(\.seq) == [1, 2, 3])
            #expect(log.recorder.entries.count == 4)
        }
    }

    /// All in one batch: repetitions of each other and of what is stored, a missing topic, and entries that just go through.
    @Test func oneBatchSortsItselfOut() async throws {
        var limits = LogWriter.Limits()
        limits.writers = 1
        try await LogFixture.with(limits) { (log) async throws in
            _ = await log.append(log.entry(1, "old", reference: 1))
            let cases: [(entry: Append, outcome: String, seq: Int64?)] = [
                (log.entry(1, "n1"), "committed", 2),
                (log.entry(1, "old", reference: 1), "repeated", 1),
                (log.entry(1, "new", reference: 2), "committed", 3),
                (log.entry(99, "nowhere"), "topicGone", nil),
                (log.entry(1, "new", reference: 2), "repeated", 3),
                (log.entry(1, "newer", reference: 2), "clientRefReused", nil),
                (log.entry(1, "n4", kind: .reaction), "committed", 4),
                (log.entry(2, "new", reference: 2), "committed", 1),
                (log.entry(1, "n5"), "committed", 5),
            ]
            // A transaction holds topic 1 until all are queued behind the first, hence in one batch.
            try await log.test.database.transaction { transaction in
                _ = try await transaction.query("SELECT 1 FROM topics WHERE id = 1 FOR UPDATE")
                #expect(log.writer.append(log.entry(1, "blocks", sender: 9), origin: .shard(index: 0, token: 999)))
                _ = try await transaction.query("DELETE FROM messages WHERE sender_id = 9")
                var waits = false
                while !waits {
                    waits = try await transaction.query("SELECT count(*) FROM pg_locks WHERE NOT granted").int(0, 0) > 0
                }
                for (token, item) in cases.enumerated() {
                    #expect(log.writer.append(item.entry, origin: .shard(index: 0, token: UInt64(token))))
                }
            }
            await log.recorder.wait(forOutcomes: cases.count + 1)
            let outcomes = log.recorder.outcomes
            for (token, item) in cases.enumerated() {
                let outcome = try #require(outcomes[UInt64(token)])
                #expect(outcome.name == item.outcome, "case \(token)")
                // The one that held the queue has seq 2, so the others move up by one.
                let shift: Int64 = item.entry.topic.id == 1 && (item.seq ?? 0) > 1 ? 1 : 0
                #expect(outcome.seq == item.seq.map { $0 + shift }, "case \(token)")
            }
            #expect(try await log.log(1).map(\.seq) == Array(1...6))
            #expect(try await log.log(1).map(\.ordinal) == [1, 2, 3, 4, 4, 5])
            #expect(log.recorder.entries.count == 7)
        }
    }

    /// As after a restore of a part: the next number is taken, which no care helps. Whoever publishes there is told, others don't notice, and it ends.
    @Test func aLogAheadOfItsTopicIsRefused() async throws {
        var limits = LogWriter.Limits()
        limits.writers = 1
        let reports = Reports()
        let log = try await LogFixture(limits) { reports.add($0) }
        _ = await log.append(log.entry(1))
        _ = try await log.test.database.query("UPDATE topics SET last_seq = 0 WHERE id = 1")
        #expect(await log.append(log.entry(1)).name == "unavailable")
        await reports.wait(for: "refuses a batch: 23505")
        #expect(!log.writer.isAway)
        // All that comes while topic 3 is held is one batch.
        try await log.test.database.transaction { transaction in
            _ = try await transaction.query("SELECT 1 FROM topics WHERE id = 3 FOR UPDATE")
            #expect(log.writer.append(log.entry(3), origin: .shard(index: 0, token: 0)))
            var waits = false
            while !waits {
                waits = try await transaction.query("SELECT count(*) FROM pg_locks WHERE NOT granted").int(0, 0) > 0
            }
            for (token, topic) in [(1, 2), (2, 1), (3, 2), (4, 4), (5, 1), (6, 2)] as [(UInt64, Int64)] {
                #expect(log.writer.append(log.entry(topic), origin: .shard(index: 0, token: token)))
            }
        }
        await log.recorder.wait(forOutcomes: 7)
        let outcomes = log.recorder.outcomes
        #expect((0...6).map { outcomes[$0]?.seq } == [1, 1, nil, 2, 1, nil, 3])
        #expect(log.writer.append(log.entry(1), origin: .shard(index: 0, token: 7)))
        await log.writer.close()
        #expect(log.recorder.outcomes[7]?.name == "unavailable")
        #expect(log.writer.budget.entriesCount == 0)
        log.test.database.close()
    }

    @Test func aFullQueueRefuses() async throws {
        var limits = LogWriter.Limits()
        limits.queueEntriesMax = 3
        try await LogFixture.with(limits) { (log) async throws in
            try await log.test.database.transaction { transaction in
                _ = try await transaction.query("SELECT 1 FROM topics WHERE id = 1 FOR UPDATE")
                let accepted = (0..<5).map { token in
                    log.writer.append(log.entry(1), origin: .shard(index: 0, token: UInt64(token)))
                }
                #expect(accepted == [true, true, true, false, false])
            }
            await log.recorder.wait(forOutcomes: 3)
            #expect(await log.append(log.entry(1)).seq == 4)
        }
        limits = LogWriter.Limits()
        limits.queueBytesMax = 1_000
        try await LogFixture.with(limits) { (log) async throws in
            let large = log.entry(1, String(repeating: "x", count: 1_000))
            #expect(await log.append(large).name == "unavailable")
            #expect(await log.append(log.entry(1)).name == "committed")
        }
    }

    @Test func aLaneCommitsWhatComesOnItsThread() async throws {
        try await LogFixture.with { (log) async throws in
            // Connecting and preparing the statement are for the writers' threads.
            for topic in 1...Int64(LogFixture.topics) { _ = await log.append(log.entry(topic)) }
            let before = log.recorder.threads
            let lane = await Task(executorPreference: log.lane) {
                for number in 0..<200 { _ = await log.append(log.entry(Int64(number % LogFixture.topics) + 1)) }
                return pthread_self()
            }.value
            #expect(!before.contains(lane) && log.recorder.threads.contains(lane))
            for topic in 1...Int64(LogFixture.topics) {
                #expect(try await log.log(topic).map(\.seq) == Array(1...26))
            }
        }
    }

    @Test func manyAreForTheWritersThread() async throws {
        var limits = LogWriter.Limits()
        limits.writers = 1
        let max = limits.laneEntriesMax
        try await LogFixture.with(limits) { (log) async throws in
            _ = await log.append(log.entry(1))
            let lane = await Task(executorPreference: log.lane) {
                for token in 0...max {
                    #expect(log.writer.append(log.entry(1), origin: .shard(index: 0, token: UInt64(token))))
                }
                return pthread_self()
            }.value
            await log.recorder.wait(forOutcomes: max + 1)
            #expect(!log.recorder.threads.contains(lane))
        }
    }

    /// What fits into no socket at once: the lane's thread must not wait for its room.
    @Test func aLargeBatchOfTheLaneArrives() async throws {
        var limits = LogWriter.Limits()
        limits.writers = 1
        let max = limits.laneEntriesMax
        try await LogFixture.with(limits) { (log) async throws in
            let text = String(repeating: "x", count: 250_000)
            _ = await log.append(log.entry(1))
            await Task(executorPreference: log.lane) {
                for token in 0..<max {
                    #expect(log.writer.append(log.entry(1, text), origin: .shard(index: 0, token: UInt64(token))))
                }
            }.value
            await log.recorder.wait(forOutcomes: max)
            #expect(try await log.log(1).map(\.seq) == Array(1...Int64(max + 1)))
        }
    }

    @Test func closingWaitsForTheLane() async throws {
        for _ in 0..<20 {
            let log = try await LogFixture()
            _ = await log.append(log.entry(1))
            await Task(executorPreference: log.lane) {
                #expect(log.writer.append(log.entry(1), origin: .shard(index: 0, token: 1)))
            }.value
            await log.writer.close()
            #expect(log.recorder.outcomes[1]?.seq == 2)
            log.test.database.close()
        }
    }

    /// The database is closed before the log, and a lane has not begun with what it took: the writer's own thread does it.
    @Test func whatALaneDeclinesIsCommitted() async throws {
        let log = try await LogFixture()
        var limits = Database.Limits()
        limits.guestLanes = 1
        let database = Database(url: log.test.url, limits: limits)
        try await database.start()
        let lane = try #require(database.guestLanes.first)
        let recorder = Recorder()
        let writer = LogWriter(url: log.test.url, database: database, commits: recorder, outcomes: recorder)
        writer.start()
        #expect(writer.append(log.entry(1), origin: .shard(index: 0, token: 1)))
        await recorder.wait(forOutcomes: 1)
        try await onThread {
            lane.moveIn()
            #expect(writer.append(log.entry(1), origin: .shard(index: 0, token: 2)))
            database.close()
            lane.moveOut()
        }
        await recorder.wait(forOutcomes: 2)
        #expect(recorder.outcomes[2]?.seq == 2)
        await writer.close()
        await log.writer.close()
        log.test.database.close()
    }

    @Test func closingCommitsWhatIsQueued() async throws {
        let log = try await LogFixture()
        for token in 0..<2_000 {
            let entry = log.entry(Int64(token % 3) + 1)
            #expect(log.writer.append(entry, origin: .shard(index: 0, token: UInt64(token))))
        }
        await log.writer.close()
        #expect(log.recorder.outcomes.values.filter { $0.name == "committed" }.count == 2_000)
        #expect(await log.append(log.entry(1)).name == "unavailable")
        log.test.database.close()
    }

    @Test func aTransactionAppendsWithItsOwnChanges() async throws {
        struct Own: Error {}
        try await LogFixture.with { (log) async throws in
            _ = await log.append(log.entry(2))
            let entries = try await log.test.database.transaction { transaction in
                try await transaction.append([log.entry(2, kind: .member), log.entry(1), log.entry(2)])
            }
            #expect(entries.map(\.topic.id) == [2, 1, 2])
            #expect(entries.map(\.seq) == [2, 1, 3])
            #expect(try await log.log(2).map(\.ordinal) == [1, 1, 2])
            await #expect(throws: Own.self) {
                try await log.test.database.transaction { transaction in
                    _ = try await transaction.append([log.entry(1)])
                    throw Own()
                }
            }
            let missing = await #expect(throws: DatabaseError.self) {
                _ = try await log.test.database.transaction { transaction in
                    try await transaction.append([log.entry(1), log.entry(77)])
                }
            }
            #expect(missing?.code == "P0002")
            #expect(await log.append(log.entry(1)).seq == 2)
        }
    }

    @Test func pagesAscendFromEitherSide() async throws {
        try await LogFixture.with { (log) async throws in
            for number in 1...10 {
                _ = await log.append(log.entry(1, kind: number.isMultiple(of: 2) ? .message : .edit))
            }
            let reader = LogReader(log.test.database)
            let topic = StoredTopic(id: 1, address: .group(1))
            let cases: [(LogReader.Anchor, Int, [EntryKind]?, [Int64])] = [
                (.after(0), 3, nil, [1, 2, 3]), (.after(8), 5, nil, [9, 10]), (.after(10), 5, nil, []),
                (.end, 3, nil, [8, 9, 10]), (.before(4), 10, nil, [1, 2, 3]), (.before(1), 10, nil, []),
                (.end, 2, [.message], [8, 10]), (.after(2), 2, [.message], [4, 6]),
            ]
            for (anchor, limit, kinds, expected) in cases {
                #expect(try await reader.read(topic, anchor, limit: limit, kinds: kinds).map(\.seq) == expected)
            }
            let entry = try #require(try await log.writer.read(topic, after: 1, limit: 1).first)
            #expect(entry.kind == .message && entry.senderID == 5 && entry.suffix == log.entry(1).suffix)
        }
    }
}
