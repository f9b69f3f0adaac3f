import Testing
import Topics

@testable import Persistence

/// Edits, deletions and reactions: who may, what becomes of the message, and that repetitions change nothing.
@Suite struct AnnotationTests {
    private static let author: Int64 = 5
    private static let other: Int64 = 6

    private func edit(_ log: LogFixture, _ target: Int64, by user: Int64 = author, after hours: Int64 = 0) -> Append {
        var entry = log.entry(1, "edited", sender: user, kind: .edit)
        entry.id += hours * 3_600_000 << 22
        entry.annotation = Annotation(target: target, action: .edit)
        return entry
    }

    private func delete(_ log: LogFixture, _ target: Int64, by user: Int64 = author, mayBeOthers: Bool = false)
        -> Append
    {
        var entry = log.entry(1, "delete", sender: user, kind: .delete)
        entry.annotation = Annotation(target: target, action: .delete(mayBeOthers: mayBeOthers))
        return entry
    }

    private func react(
        _ log: LogFixture, _ target: Int64, _ emoji: String = "👍", by user: Int64 = other, isAdded: Bool = true
    ) -> Append {
        var entry = log.entry(1, emoji, sender: user, kind: .reaction)
        entry.annotation = Annotation(
            target: target, action: .reaction(emoji: Array(emoji.utf8), isAdded: isAdded))
        return entry
    }

    private func payload(_ log: LogFixture, _ seq: Int64) async throws -> String {
        let rows = try await log.test.database.query(
            "SELECT payload FROM messages WHERE topic_id = 1 AND seq = $1", [.int(seq)])
        return String(decoding: rows.bytes(0, 0), as: UTF8.self)
    }

    private func isCommitted(_ outcome: AppendOutcome, _ seq: Int64) -> Bool {
        if case .committed(seq, _) = outcome { true } else { false }
    }

    @Test func edits() async throws {
        try await LogFixture.with { (log) async throws in
            _ = await log.append(log.entry(1, "first"))
            #expect(isCommitted(await log.append(edit(log, 1)), 2))
            #expect(isCommitted(await log.append(edit(log, 1)), 3))
            #expect(await log.append(edit(log, 1, by: Self.other)).name == "notTheAuthor")
            for nothing in [Int64(2), 7] { #expect(await log.append(edit(log, nothing)).name == "noSuchMessage") }
            #expect(isCommitted(await log.append(edit(log, 1, after: 24)), 4))
            #expect(await log.append(edit(log, 1, after: 25)).name == "tooOld")
            #expect(try await log.log(1).map(\.kind) == [1, 2, 2, 2])
            #expect(try await payload(log, 1).contains("first"), "the entry itself stays as it was")
        }
    }

    /// With a message goes what is said about it; the entries that said it stay for as long as they would.
    @Test func trimmed() async throws {
        try await LogFixture.with { (log) async throws in
            _ = await log.append(log.entry(1, "first"))
            _ = await log.append(edit(log, 1))
            _ = await log.append(react(log, 1))
            _ = await log.append(log.entry(1, "second"))
            _ = await log.append(react(log, 4))
            _ = await log.append(delete(log, 1))
            _ = await log.append(log.entry(1, "third"))
            _ = await log.append(edit(log, 7))
            func counts() async throws -> [Int64] {
                let rows = try await log.test.database.query(
                    """
                    SELECT (SELECT count(*) FROM message_edits), (SELECT count(*) FROM message_deletions),
                        (SELECT count(*) FROM message_reactions)
                    """)
                return (0..<3).map { rows.int(0, $0) }
            }
            #expect(try await counts() == [1, 1, 1])
            for (below, left) in [(2, [1, 0, 1]), (4, [1, 0, 1]), (5, [1, 0, 0]), (8, [0, 0, 0])] as [(Int64, [Int64])]
            {
                _ = try await LogTrimmer(database: log.test.database).trim(1, below: below, oldestID: 0)
                #expect(try await counts() == left, "\(below)")
            }
            for annotation in [edit(log, 7), react(log, 7), delete(log, 7)] {
                #expect(await log.append(annotation).name == "noSuchMessage")
            }
            #expect(try await log.log(1).map(\.seq) == [8])
        }
    }

    /// People who react to, edit and delete what is just going: all get an answer, and nothing stays behind about what is gone.
    @Test func besideRetention() async throws {
        try await LogFixture.with { (log) async throws in
            let database = log.test.database, limits = [TopicKind.group: RetentionLimit(count: 2)]
            let trimmer = Task {
                while !Task.isCancelled { _ = try? await RetentionStore(database).trim(limits, now: 0) { _, _ in } }
            }
            var last: Int64 = 0
            for round in 0..<150 {
                let message = await log.append(log.entry(1))
                last = try #require(message.seq)
                for target in max(1, last - 4)...last {
                    let annotation =
                        switch round % 3 {
                        case 0: edit(log, target)
                        case 1: react(log, target, "\(round)")
                        default: delete(log, target)
                        }
                    let outcome = await log.append(annotation)
                    #expect(["committed", "repeated", "noSuchMessage"].contains(outcome.name))
                }
            }
            trimmer.cancel()
            await trimmer.value
            _ = try await LogTrimmer(database: database).trim(1, below: last, oldestID: 0)
            let left = try await database.query(
                """
                SELECT count(*) FROM (SELECT target_seq FROM message_edits UNION ALL SELECT target_seq FROM message_deletions
                    UNION ALL SELECT target_seq FROM message_reactions) a WHERE target_seq < $1
                """, [.int(last)])
            #expect(left.int(0, 0) == 0)
        }
    }

    @Test func deletions() async throws {
        try await LogFixture.with { (log) async throws in
            let message = log.entry(1, "secret", reference: 7)
            _ = await log.append(message)
            _ = await log.append(edit(log, 1))
            _ = await log.append(react(log, 1))
            #expect(await log.append(delete(log, 1, by: Self.other)).name == "notTheAuthor")
            let deletion = delete(log, 1, by: Self.other, mayBeOthers: true)
            #expect(isCommitted(await log.append(deletion), 4))
            for seq in [Int64(1), 2] { #expect(try await payload(log, seq) == #","body":{"deleted":true}}"#) }
            // What is so already is success, with the entry that made it so.
            let again = await log.append(delete(log, 1))
            #expect(again.name == "repeated" && again.seq == 4)
            #expect(await log.append(edit(log, 1)).name == "noSuchMessage")
            #expect(await log.append(react(log, 1)).name == "noSuchMessage")
            // The message itself may still be sent again by a client that got no answer; its `client_ref` stays its own.
            let repeated = await log.append(log.entry(1, "secret", reference: 7))
            #expect(repeated.name == "repeated" && repeated.seq == 1)
            #expect(try await log.log(1).map(\.ordinal) == [1, 1, 1, 1])
            let left = try await log.test.database.query(
                "SELECT (SELECT count(*) FROM message_reactions) + (SELECT count(*) FROM message_edits)")
            #expect(left.int(0, 0) == 0)
        }
    }

    /// A `client_ref` that looks like the body does not mislead.
    @Test func redactionKeepsTheReference() async throws {
        try await LogFixture.with { (log) async throws in
            var message = log.entry(1)
            message.suffix = Array(#","client_ref":"a,\"body\":b","body":{"text":",\"body\":x"}}"#.utf8)
            _ = await log.append(message)
            _ = await log.append(delete(log, 1))
            #expect(try await payload(log, 1) == #","client_ref":"a,\"body\":b","body":{"deleted":true}}"#)
        }
    }

    @Test func reactions() async throws {
        try await LogFixture.with { (log) async throws in
            _ = await log.append(log.entry(1, "first"))
            let steps: [(entry: Append, outcome: String, seq: Int64)] = [
                (react(log, 1, isAdded: false), "repeated", 1),
                (react(log, 1), "committed", 2), (react(log, 1), "repeated", 2),
                (react(log, 1, "🎉"), "committed", 3), (react(log, 1, by: Self.author), "committed", 4),
                (react(log, 1, isAdded: false), "committed", 5), (react(log, 1, isAdded: false), "repeated", 5),
                (react(log, 1), "committed", 6),
            ]
            for (index, step) in steps.enumerated() {
                let outcome = await log.append(step.entry)
                #expect(outcome.name == step.outcome && outcome.seq == step.seq, "step \(index): \(outcome)")
            }
            #expect(await log.append(react(log, 2)).name == "noSuchMessage")
        }
    }

    /// A batch whose answer was lost is sent again as it was. Others' entries are in it, too: those of plain topics have no body.
    @Test func aMixedBatchIsRepeated() async throws {
        try await LogFixture.with { (log) async throws in
            _ = await log.append(log.entry(1, "first"))
            var plain = log.entry(2, kind: .plain)
            plain.suffix = [1, 0, 3] + Array("a/bpayload".utf8)
            let batch = PublishBatch([plain, edit(log, 1), react(log, 1), delete(log, 1)])
            var server = try ServerConnection.connect(url: log.test.url, settings: "")
            var buffer = ParameterBuffer()
            let statement = batch.encodeCarefully(into: &buffer)
            for state in [PublishBatch.CarefulState.appended, .same] {
                let results = batch.carefulResults(try server.run(statement, buffer, limitMilliseconds: 5_000))
                #expect(results.map(\.state) == [state, state, state, state])
                #expect(results.map(\.seq) == [1, 2, 3, 4])
            }
        }
    }

    /// Entries of all kinds in one batch; each sees what those before it did, and other topics are not held up.
    @Test func oneBatch() async throws {
        var limits = LogWriter.Limits()
        limits.writers = 1
        try await LogFixture.with(limits) { (log) async throws in
            _ = await log.append(log.entry(1, "first"))
            let entries = [
                log.entry(1, "second"), react(log, 1), react(log, 1), delete(log, 1), edit(log, 1), log.entry(99),
                log.entry(2, "elsewhere"), log.entry(1, "third"),
            ]
            try await log.test.database.transaction { transaction in
                _ = try await transaction.query("SELECT 1 FROM topics WHERE id = 1 FOR UPDATE")
                #expect(log.writer.append(log.entry(1, "blocks"), origin: .shard(index: 0, token: 99)))
                var waits = false
                while !waits {
                    waits = try await transaction.query("SELECT count(*) FROM pg_locks WHERE NOT granted").int(0, 0) > 0
                }
                for (token, entry) in entries.enumerated() {
                    #expect(log.writer.append(entry, origin: .shard(index: 0, token: UInt64(token))))
                }
            }
            await log.recorder.wait(forOutcomes: entries.count + 1)
            let outcomes = log.recorder.outcomes
            #expect(
                entries.indices.map { "\(outcomes[UInt64($0)]!.name) \(outcomes[UInt64($0)]!.seq ?? 0)" } == [
                    "committed 3", "committed 4", "repeated 4", "committed 5", "noSuchMessage 0", "topicGone 0",
                    "committed 1", "committed 6",
                ])
            #expect(try await log.log(1).map(\.seq) == Array(1...6))
            #expect(try await log.log(1).map(\.ordinal) == [1, 2, 3, 3, 3, 4])
        }
    }
}
