import Synchronization

@testable import Broker
@testable import Persistence

/// Retained messages in memory, in the order of the product's store. For the short names of tests the hash is the name.
final class TestRetained: RetainedSource {
    private struct State {
        var messages: [[UInt8]: RetainedMessage] = [:]
        var failures = 0
        var refusals = 0
        var batches: [[RetainedMessage]] = []
        var readCounts: [Int] = []
    }

    private let state = Mutex(State())
    let writes = Gate(), reads = Gate(), walks = Gate()

    var topics: [String] {
        state.withLock { $0.messages.keys.map { String(decoding: $0, as: UTF8.self) }.sorted() }
    }
    var batches: [[RetainedMessage]] { state.withLock { $0.batches } }
    /// Topics asked for in each read.
    var readCounts: [Int] { state.withLock { $0.readCounts } }

    /// So many of the next calls find no database.
    func fail(_ count: Int) { state.withLock { $0.failures = count } }

    /// So many of the next writes are refused.
    func refuse(_ count: Int) { state.withLock { $0.refusals = count } }

    func put(_ messages: RetainedMessage...) {
        state.withLock { state in for message in messages { state.messages[message.topic] = message } }
    }

    func count() async throws(DatabaseError) -> Int { state.withLock { $0.messages.count } }

    func write(_ messages: [RetainedMessage]) async throws(DatabaseError) {
        await writes.pass()
        try check()
        let isRefused = state.withLock { state in
            state.refusals -= 1
            guard state.refusals < 0 else { return true }
            state.batches.append(messages)
            for message in messages { state.messages[message.topic] = message.isNone ? nil : message }
            return false
        }
        if isRefused { throw .refused(code: "53100", constraint: "", message: "the disk is full") }
    }

    /// What was read before the gate is answered after it: a slow answer is an old one.
    func read(_ topics: [[UInt8]], bytesMax: Int) async throws(DatabaseError) -> RetainedPage {
        let page = state.withLock { state in
            state.readCounts.append(topics.count)
            var page = RetainedPage(messages: [], answeredCount: topics.count)
            var bytes = 0
            for (place, topic) in topics.enumerated() {
                guard let message = state.messages[topic] else { continue }
                guard bytes < bytesMax else {
                    page.answeredCount = place
                    break
                }
                bytes += message.payload.count
                page.messages.append(message)
            }
            return page
        }
        await reads.pass()
        try check()
        return page
    }

    func topics(
        after position: RetainedPosition, before end: [UInt8], limit: Int, bytesMax: Int
    ) async throws(DatabaseError) -> RetainedTopics {
        let found = state.withLock { state in
            state.messages.keys.filter { topic in
                !topic.lexicographicallyPrecedes(position.place) && topic.lexicographicallyPrecedes(end)
                    && (topic != position.place || position.hash.isEmpty)
            }.sorted { $0.lexicographicallyPrecedes($1) }
        }
        await walks.pass()
        try check()
        let page = Array(found.prefix(limit))
        let isEnd = page.count == found.count
        return RetainedTopics(
            topics: page, next: isEnd ? nil : RetainedPosition(place: page.last ?? [], hash: page.last ?? []))
    }

    private func check() throws(DatabaseError) {
        let isAway = state.withLock { state in
            state.failures -= 1
            return state.failures >= 0
        }
        if isAway { throw .unavailable("away") }
    }
}
