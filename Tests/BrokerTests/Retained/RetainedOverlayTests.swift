import Testing

@testable import Broker
@testable import Persistence

@Suite struct RetainedOverlayTests {
    private static func message(_ topic: String, _ payload: String = "1") -> RetainedMessage {
        RetainedMessage(topic: Array(topic.utf8), payload: Array(payload.utf8))
    }

    private static func newest(_ overlay: RetainedOverlay, _ topics: [String], since start: UInt64) -> [String]? {
        overlay.newest(of: topics.map { Array($0.utf8) }, readSince: start)?
            .map { String(decoding: $0.message.topic + [61] + $0.message.payload, as: UTF8.self) }
    }

    @Test func theLastOfATopicIsWritten() throws {
        var overlay = RetainedOverlay()
        try check(overlay.put(Self.message("a", "1"), shard: 0, token: 1), "unexpected")
        try check(overlay.put(Self.message("b", "1"), shard: 0, token: 0), "unexpected")
        try check(overlay.put(Self.message("a", "2"), shard: 0, token: 2), "unexpected")
        try check(overlay.lastPut == 3, "unexpected")
        try check(overlay.takeBatch() == [Self.message("a", "2"), Self.message("b", "1")], "unexpected")
        // Too late for this batch.
        try check(overlay.put(Self.message("a", "3"), shard: 0, token: 3), "unexpected")
        try check(Set(overlay.endBatch(isCommitted: true).map(\.token)) == [1, 2], "unexpected")
        try check(overlay.settledCount == 3 && !overlay.isIdle, "unexpected")
        try check(overlay.takeBatch() == [Self.message("a", "3")], "unexpected")
        try check(overlay.endBatch(isCommitted: false).map(\.token) == [3], "unexpected")
        try check(overlay.settledCount == 4 && overlay.isIdle, "unexpected")
        try check(overlay.takeBatch() == [], "unexpected")
    }

    @Test func batchesAndRoomAreBounded() throws {
        var limits = RetainedOverlay.Limits()
        limits.topicsMax = 3
        limits.batchTopicsMax = 2
        limits.bytesMax = 4 * 300
        var overlay = RetainedOverlay(limits)
        for topic in ["a", "b", "c"] { try check(overlay.put(Self.message(topic), shard: 0, token: 0), "unexpected") }
        try check(!overlay.put(Self.message("d"), shard: 0, token: 0), "there are three topics")
        try check(overlay.put(Self.message("c", "2"), shard: 0, token: 0), "a topic that waits already takes no room")
        try check(
            !overlay.put(Self.message("c", String(repeating: "x", count: 600)), shard: 0, token: 0), "too many bytes")
        try check(overlay.takeBatch().count == 2, "unexpected")
        try check(!overlay.put(Self.message("d"), shard: 0, token: 0), "what is being written counts")
        _ = overlay.endBatch(isCommitted: true)
        try check(overlay.settledCount == 2, "unexpected")
        try check(overlay.put(Self.message("d"), shard: 0, token: 0), "unexpected")
        try check(overlay.takeBatch() == [Self.message("c", "2"), Self.message("d")], "unexpected")
    }

    @Test func whoWaitsIsTakenOutOnce() throws {
        var overlay = RetainedOverlay()
        _ = overlay.put(Self.message("a"), shard: 0, token: 1)
        _ = overlay.takeBatch()
        _ = overlay.put(Self.message("a", "2"), shard: 0, token: 2)
        try check(Set(overlay.takeOrigins().map(\.token)) == [1, 2], "unexpected")
        try check(overlay.takeOrigins() == [], "unexpected")
        try check(overlay.endBatch(isCommitted: true) == [], "unexpected")
        try check(overlay.takeBatch() == [Self.message("a", "2")], "unexpected")
    }

    @Test func aReadIsToldWhatItMissed() throws {
        var overlay = RetainedOverlay()
        func commit(_ messages: RetainedMessage...) {
            for message in messages { _ = overlay.put(message, shard: 0, token: 0) }
            _ = overlay.takeBatch()
            _ = overlay.endBatch(isCommitted: true)
        }
        commit(Self.message("a", "0"))
        let first = overlay.beginRead()
        try check(Self.newest(overlay, ["a"], since: first) == [], "it is in the database")
        commit(Self.message("a", "1"), Self.message("b", ""))
        let second = overlay.beginRead()
        commit(Self.message("a", "2"))
        _ = overlay.put(Self.message("c", "3"), shard: 0, token: 0)
        try check(Self.newest(overlay, ["a", "b", "c", "d"], since: first) == ["a=2", "b=", "c=3"], "unexpected")
        overlay.endRead(first)
        try check(Self.newest(overlay, ["a", "b"], since: second) == ["a=2"], "nobody can have missed b any more")
        overlay.endRead(second)
        try check(Self.newest(overlay, ["a", "c"], since: second) == ["c=3"], "unexpected")
    }

    /// Whatever the order in which many reads end, what the oldest may have missed is kept, and nothing else.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func whatIsKeptDependsOnTheOldest(seed: UInt64) throws {
        var overlay = RetainedOverlay()
        var random = seed &* 0x9E37_79B9_7F4A_7C15
        var reads: [UInt64] = []
        for commit in 1...UInt64(2_000) {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            for _ in 0..<random >> 62 { reads.append(overlay.beginRead()) }
            _ = overlay.put(Self.message("\(commit)"), shard: 0, token: 0)
            _ = overlay.takeBatch()
            _ = overlay.endBatch(isCommitted: true)
            for _ in 0..<(random >> 32 & 3) where !reads.isEmpty {
                overlay.endRead(reads.remove(at: Int(random >> 8 & 0xFFFF) % reads.count))
            }
            let last = "\(commit)"
            try checkEqual(Self.newest(overlay, [last], since: .max), reads.isEmpty ? [] : ["\(last)=1"])
            guard let oldest = reads.min() else { continue }
            try checkEqual(Self.newest(overlay, ["\(oldest)"], since: .max), [], "every read has seen it")
            let missed = "\(oldest + 1)"
            try checkEqual(Self.newest(overlay, [missed], since: oldest), ["\(missed)=1"], "it may be missed")
        }
    }

    @Test func aReadThatTakesTooLongIsSpoiled() throws {
        var limits = RetainedOverlay.Limits()
        limits.keptBytesMax = 1_000
        var overlay = RetainedOverlay(limits)
        let start = overlay.beginRead()
        for round in 0..<5 {
            _ = overlay.put(Self.message("t\(round)", "1"), shard: 0, token: 0)
            _ = overlay.takeBatch()
            _ = overlay.endBatch(isCommitted: true)
        }
        try check(Self.newest(overlay, ["t4"], since: start) == nil, "unexpected")
        let next = overlay.beginRead()
        try check(Self.newest(overlay, ["t0"], since: next) == [], "unexpected")
        overlay.endRead(start)
        overlay.endRead(next)
    }
}
