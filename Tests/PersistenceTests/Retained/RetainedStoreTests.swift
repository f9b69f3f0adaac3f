import Testing

@testable import Persistence

@Suite struct RetainedStoreTests {
    private func with(_ body: (RetainedStore, Database) async throws -> Void) async throws {
        try await TestDatabase.with { (test) async throws in
            try await body(RetainedStore(test.database), test.database)
        }
    }

    private static func message(_ topic: [UInt8], _ payload: [UInt8] = [1]) -> RetainedMessage {
        RetainedMessage(topic: topic, payload: payload)
    }

    private static func message(_ topic: String, _ payload: [UInt8] = [1]) -> RetainedMessage {
        message(Array(topic.utf8), payload)
    }

    /// The whole walk, in pages.
    private static func walk(
        _ store: RetainedStore, _ prefix: String, limit: Int = 100, bytesMax: Int = 1 << 20
    ) async throws -> [[UInt8]] {
        let range = RetainedRange(prefix: prefix.utf8)
        var position: RetainedPosition? = range.start
        var topics: [[UInt8]] = []
        while let place = position {
            let page = try await store.topics(after: place, before: range.end, limit: limit, bytesMax: bytesMax)
            #expect(page.topics.count <= limit && (page.next == nil || !page.topics.isEmpty))
            topics += page.topics
            position = page.next
        }
        return topics
    }

    @Test func theLastIsKept() async throws {
        try await with { (store, _) async throws in
            #expect(try await !store.exist())
            let full = RetainedMessage(
                topic: [0xC3, 0xBC], payload: [0, 255], qos: 2, properties: [1, 0], expiresAt: 1 << 40)
            try await store.write([Self.message("a"), full, Self.message("gone"), Self.message("never", [])])
            #expect(try await store.exist())
            #expect(try await store.count() == 3)
            try await store.write([Self.message("gone", []), Self.message("a", [2]), Self.message("b")])
            let page = try await store.read(
                [[0xC3, 0xBC], Array("gone".utf8), Array("b".utf8), Array("a".utf8)], bytesMax: 100)
            #expect(
                page
                    == RetainedPage(messages: [full, Self.message("b"), Self.message("a", [2])], answeredCount: 4))
            try await store.write([Self.message("a", []), Self.message("b", []), Self.message([0xC3, 0xBC], [])])
            #expect(try await !store.exist())
        }
    }

    /// An answer ends with the message that passes the limit, so it always goes on.
    @Test(arguments: [(1, 1), (100, 1), (101, 3), (200, 3), (201, 4), (1_000, 5)])
    func readsAreBounded(bytesMax: Int, count: Int) async throws {
        try await with { (store, _) async throws in
            let messages = ["a", "c", "d", "e"].map { Self.message($0, [UInt8](repeating: 7, count: 100)) }
            try await store.write(messages)
            let page = try await store.read(["a", "b", "c", "d", "e"].map { Array($0.utf8) }, bytesMax: bytesMax)
            // Nothing is kept for b.
            #expect(page.answeredCount == (count == 1 ? 2 : count))
            #expect(page.messages == Array(messages.prefix(page.answeredCount - 1)))
        }
    }

    @Test(arguments: [1, 2, 3, 100])
    func walksGoInOrder(limit: Int) async throws {
        try await with { (store, _) async throws in
            let topics = ["a", "a!", "a/", "a/b", "a/b/c", "a/ü", "ab", "b"]
            try await store.write(topics.shuffled().map { Self.message($0) })
            for (prefix, expected) in [
                ("", topics), ("a", Array(topics[..<7])), ("a/", Array(topics[2..<6])), ("c", []), ("b", ["b"]),
            ] {
                let walked = try await Self.walk(store, prefix, limit: limit)
                #expect(walked == expected.map { Array($0.utf8) })
            }
        }
    }

    /// Names longer than an index entry, of which many begin alike.
    @Test(arguments: [1 << 20, 65_535, 1])
    func longTopics(bytesMax: Int) async throws {
        try await with { (store, _) async throws in
            let start = [UInt8](repeating: 120, count: 512)
            var topics = [start, Array(start.dropLast()), start + [0x79]]
            // Random bytes, which can't be compressed.
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<5 {
                topics.append(start + (0..<65_000).map { _ in UInt8.random(in: 1...0x7F, using: &generator) })
            }
            try await store.write(topics.map { Self.message($0) })
            try await store.write(topics.map { Self.message($0, [2]) })
            let walked = try await Self.walk(store, "xx", bytesMax: bytesMax)
            #expect(walked.count == topics.count && Set(walked) == Set(topics))
            #expect(walked[0] == topics[1])
            let page = try await store.read(topics, bytesMax: 1 << 20)
            #expect(page.messages.map(\.topic) == topics && page.messages.allSatisfy { $0.payload == [2] })
            // A filter's beginning may be as long.
            let name = String(decoding: start + [0x79], as: UTF8.self)
            #expect(try await Self.walk(store, name).count == topics.count - 1)
        }
    }

    @Test func onlyWhatHasExpiredIsPurged() async throws {
        try await with { (store, _) async throws in
            var messages = [Self.message("never"), Self.message("past"), Self.message("now"), Self.message("later")]
            messages[1].expiresAt = 1
            messages[2].expiresAt = 1_000
            messages[3].expiresAt = 1_001
            try await store.write(messages)
            #expect(try await store.purgeExpired(now: 1_000) == 2)
            #expect(try await Self.walk(store, "") == ["later", "never"].map { Array($0.utf8) })
        }
    }

    /// Two hubs that write the same topics in different orders.
    @Test func writersDoNotEndEachOther() async throws {
        try await with { (store, _) async throws in
            let topics = (0..<200).map { "t\($0)" }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await store.write(topics.shuffled().map { Self.message($0, [UInt8(writer)]) })
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await Self.walk(store, "t").count == 200)
        }
    }

    /// The indexes that reading rests on are used, and no sort is needed.
    @Test func plans() async throws {
        try await with { (store, database) async throws in
            for start in stride(from: 0, to: 20_000, by: 1_000) {
                try await store.write((start..<start + 1_000).map { Self.message("t/\($0)") })
            }
            _ = try await database.query("ANALYZE retained")
            let walk = try await database.query(
                """
                EXPLAIN SELECT substring(topic for 512) AS place, sha256(topic) AS hash, topic FROM retained
                WHERE (substring(topic for 512), sha256(topic)) > ('t/5'::bytea, ''::bytea)
                    AND substring(topic for 512) < 't0'::bytea
                ORDER BY substring(topic for 512), sha256(topic) LIMIT 1000
                """)
            let plan = (0..<walk.count).map { walk.text($0, 0) }.joined(separator: "\n")
            #expect(plan.contains("retained_order") && !plan.contains("Sort"), "\(plan)")
            let read = try await database.query(
                """
                EXPLAIN SELECT r.payload FROM unnest($1) WITH ORDINALITY AS u(topic, n)
                CROSS JOIN LATERAL (
                    SELECT * FROM retained WHERE sha256(retained.topic) = sha256(u.topic) LIMIT 1) AS r
                """, [.blobs((0..<256).map { Array("t/\($0)".utf8) })])
            let second = (0..<read.count).map { read.text($0, 0) }.joined(separator: "\n")
            #expect(second.contains("retained_topic"), "\(second)")
        }
    }
}
