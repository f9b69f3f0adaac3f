import MQTT
import Testing
import Topics

@testable import Broker
@testable import Persistence

@Suite struct RetainedReplayTests {
    private func request(_ filter: String, identifier: UInt32 = 0) throws -> RetainedReplay.Request {
        RetainedReplay.Request(
            filter: try TopicFilter(validating: Array(filter.utf8)), qos: .atLeastOnce, identifier: identifier)
    }

    private func fence(_ lastPuts: UInt64...) throws -> RetainedFence {
        let hub = try TestHub()
        return RetainedFence(lastPuts: lastPuts, read: hub.hub.retained.beginRead())
    }

    private func replay(_ filters: String...) throws -> RetainedReplay {
        var replay = RetainedReplay()
        for filter in filters { replay.ready(upTo: replay.add(try request(filter)), try fence()) }
        return replay
    }

    private func bytes(_ topics: String...) -> [[UInt8]] { topics.map { Array($0.utf8) } }

    private func takeAll(_ replay: inout RetainedReplay, _ topics: [[UInt8]]) -> [String] {
        var taken: [String] = []
        while let next = replay.next(in: Set(topics)) {
            taken.append(String(decoding: next.topic, as: UTF8.self))
            replay.advance()
        }
        return taken
    }

    @Test func nothingBeginsBeforeItIsReady() throws {
        var replay = RetainedReplay()
        let first = replay.add(try request("a"))
        try check(replay.isIdle && replay.nextStep(limit: 10) == .nothing, "unexpected")
        _ = replay.add(try request("b"))
        replay.ready(upTo: first, try fence())
        try check(!replay.isIdle && replay.mustSettle && replay.nextCount == 1, "unexpected")
        try check(replay.nextStep(limit: 10) == .messages(bytes("a")), "unexpected")
        try check(takeAll(&replay, bytes("a")) == ["a"], "unexpected")
        try check(replay.isIdle, "unexpected")
    }

    @Test func topicsAreReadTogetherWalksOneByOne() throws {
        var replay = try replay("a", "b", "c", "x/#", "y/+", "d")
        try check(replay.nextCount == 3, "unexpected")
        try check(replay.nextStep(limit: 2) == .messages(bytes("a", "b")), "unexpected")
        // Nothing is known of b yet.
        try check(takeAll(&replay, bytes("a")) == ["a"], "unexpected")
        try check(replay.nextStep(limit: 2) == .messages(bytes("b")), "unexpected")
        try check(takeAll(&replay, bytes("b", "a")) == ["b"], "unexpected")
        try check(replay.nextStep(limit: 2) == .messages(bytes("c")), "unexpected")
        try check(takeAll(&replay, bytes("c")) == ["c"], "unexpected")
        try check(replay.nextCount == .max, "unexpected")
        // The topic above, which is elsewhere in the order.
        try check(replay.nextStep(limit: 2) == .messages(bytes("x")), "unexpected")
        try check(takeAll(&replay, bytes("x")) == ["x"], "unexpected")
        guard case .topics(var walk) = replay.nextStep(limit: 2) else { throw CheckFailure(description: "no walk") }
        try check(
            walk.position == RetainedPosition(place: Array("x/".utf8), hash: []) && walk.end == Array("x0".utf8),
            "unexpected")
        let middle = RetainedPosition(place: Array("x/2".utf8), hash: [1])
        replay.walked(walk.serial, RetainedTopics(topics: bytes("x/1", "x/2"), next: middle))
        try check(replay.nextStep(limit: 9) == .messages(bytes("x/1", "x/2")), "unexpected")
        try check(takeAll(&replay, bytes("x/1", "x/2")) == ["x/1", "x/2"], "unexpected")
        guard case .topics(let more) = replay.nextStep(limit: 2) else { throw CheckFailure(description: "no walk") }
        try check(more.position == middle && more.serial == walk.serial, "unexpected")
        replay.walked(more.serial, RetainedTopics(topics: [], next: nil))
        guard case .topics(let second) = replay.nextStep(limit: 2) else { throw CheckFailure(description: "no walk") }
        walk = second
        try check(walk.filter.bytes == Array("y/+".utf8), "unexpected")
        replay.walked(walk.serial, RetainedTopics(topics: [], next: nil))
        try check(replay.nextStep(limit: 2) == .messages(bytes("d")), "unexpected")
    }

    @Test func oneThatHasNotBegunDoesForTwo() throws {
        var replay = RetainedReplay()
        _ = replay.add(try request("a", identifier: 1))
        _ = replay.add(try request("b"))
        replay.ready(upTo: replay.add(try request("a", identifier: 2)), try fence())
        try check(replay.nextStep(limit: 9) == .messages(bytes("b", "a")), "unexpected")
        try check(takeAll(&replay, bytes("b")) == ["b"], "unexpected")
        try check(replay.next(in: Set(bytes("a")))?.request.identifier == 2, "unexpected")
        // That one has begun, so this is another.
        replay.ready(upTo: replay.add(try request("a", identifier: 3)), try fence())
        try check(takeAll(&replay, bytes("a")) == ["a"], "unexpected")
        try check(replay.nextStep(limit: 9) == .messages(bytes("a")), "unexpected")
        try check(replay.next(in: Set(bytes("a")))?.request.identifier == 3, "unexpected")
    }

    @Test func whatIsUnsubscribedIsForgotten() throws {
        var replay = try replay("a", "b", "x/#", "c")
        try check(replay.nextStep(limit: 9) == .messages(bytes("a", "b")), "unexpected")
        replay.remove(try request("a").filter)
        replay.remove(try request("c").filter)
        try check(takeAll(&replay, bytes("a", "b")) == ["b"], "unexpected")
        try check(replay.nextStep(limit: 9) == .messages(bytes("x")), "unexpected")
        try check(takeAll(&replay, bytes("x")) == ["x"], "unexpected")
        guard case .topics(let walk) = replay.nextStep(limit: 2) else { throw CheckFailure(description: "no walk") }
        replay.remove(walk.filter)
        replay.walked(walk.serial, RetainedTopics(topics: bytes("x/1"), next: nil))
        try check(replay.isIdle && replay.nextStep(limit: 9) == .nothing, "unexpected")
    }

    /// What a shard published after it knew of the subscription came live, unless that was dropped.
    @Test(arguments: [(0, 5, false), (0, 6, true), (1, 8, false), (1, 9, true)] as [(Int, UInt64, Bool)])
    func whatCameLive(shard: Int, number: UInt64, isLive: Bool) throws {
        var replay = RetainedReplay()
        replay.ready(upTo: replay.add(try request("a")), try fence(5, 8))
        let message = RetainedMessage(topic: Array("a".utf8), payload: [1])
        let put = RetainedOverlay.Put(message: message, number: number, shard: shard)
        _ = replay.nextStep(limit: 1)
        guard let next = replay.next(in: Set(bytes("a"))) else { throw CheckFailure(description: "no candidate") }
        #expect(replay.isLive(put, for: next.request) == isLive)
        replay.hasLostLive = true
        #expect(!replay.isLive(put, for: next.request))
        replay.advance()
        _ = replay.add(try request("b"))
        #expect(!replay.hasLostLive)
    }
}
