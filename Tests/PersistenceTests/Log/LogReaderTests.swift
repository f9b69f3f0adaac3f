import Testing
import Topics

@testable import Persistence

@Suite struct LogReaderTests {
    /// Several logs in one question: each from its own place, none beyond its own limit, a missing one empty.
    @Test func readsSeveralLogs() async throws {
        try await LogFixture.with { log in
            for topic in Int64(1)...3 {
                for number in 1...5 { _ = await log.append(log.entry(topic, "\(topic)-\(number)")) }
            }
            let asked: [(topic: Int64, after: Int64, limit: Int)] = [
                (2, 3, 9), (1, 0, 2), (8, 0, 5), (3, 5, 1), (1, 4, 1),
            ]
            let pages = try await log.writer.read(
                asked.map { ask in
                    LogRead(
                        topic: StoredTopic(id: ask.topic, address: .group(ask.topic)), after: ask.after,
                        limit: ask.limit)
                })
            #expect(pages.map { $0.map(\.seq) } == [[4, 5], [1, 2], [], [], [5]])
            #expect(pages[0].map(\.topic.id) == [2, 2] && pages[1].map(\.topic.id) == [1, 1])
            #expect(String(decoding: pages[0][0].suffix, as: UTF8.self).contains("2-4"))
        }
    }
}
