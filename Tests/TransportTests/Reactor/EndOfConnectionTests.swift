import Glibc
import Testing

@testable import Transport

/// Who closes when, and what still arrives.
@Suite struct EndOfConnectionTests {
    /// More than the two sockets' buffers hold.
    private static let large = pattern(8 * 1024 * 1024)
    /// Small beside `large` and what the kernel buffers; not so small that the window opens by timers only.
    private static let smallBufferBytes: Int32 = 65_536

    /// Answers the first byte with much, and uses one byte a call while paused.
    private static func answerLargely(pausing: Bool) -> Probe.Script {
        var script = Probe.Script(received: { id, bytes, io in
            guard bytes.first == UInt8(ascii: "a") else { return bytes.count }
            if pausing { io.pauseReading(id.slot) }
            io.append(large, to: id.slot)
            return 1
        })
        script.drained = { id, io in io.resumeReading(id.slot) }
        return script
    }

    /// More than a turn of the reactor ends.
    @Test func allThatAreLostAtOnceEnd() throws {
        let reactor = try TestReactor(.echo)
        let stays = try TestSocket(port: reactor.port)
        var lost = try (0..<300).map { _ in try TestSocket(port: reactor.port) }
        #expect(reactor.journal.wait { $0.open == 301 })
        // All have gone when the reactor looks next.
        reactor.post { _ in usleep(100_000) }
        for socket in lost { socket.reset() }
        lost = []
        try stays.send("x")
        #expect(try stays.receive(exactly: 1) == Array("x".utf8))
        #expect(reactor.journal.wait { $0.open == 1 })
        #expect(Set(reactor.journal.now.closed).count == 300)
        #expect(reactor.ask { $0.count } == 1)
    }

    @Test func aPeerThatEndsItsSideStillGetsItsAnswer() throws {
        let reactor = try TestReactor(Self.answerLargely(pausing: false))
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: Self.smallBufferBytes)
        try client.send("a")
        client.endSending()
        #expect(reactor.journal.wait { $0.calls == 1 })
        #expect(try client.receiveToEnd() == Self.large)
        #expect(reactor.journal.wait { $0.open == 0 })
    }

    @Test func anAnswerThatComesLaterReachesAHalfClosedPeer() throws {
        let reactor = try TestReactor(
            Probe.Script(received: { id, bytes, io in
                io.pauseReading(id.slot)
                return bytes.count
            }))
        let client = try TestSocket(port: reactor.port)
        try client.send("request")
        client.endSending()
        #expect(reactor.journal.wait { $0.calls == 1 })
        reactor.post { io in
            io.append(Self.large, to: 0)
            io.resumeReading(0)
        }
        #expect(try client.receiveToEnd() == Self.large)
        #expect(reactor.journal.wait { $0.open == 0 })
    }

    @Test func bytesHeldBackAreHandledBeforeTheEnd() throws {
        let reactor = try TestReactor(Self.answerLargely(pausing: true))
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: Self.smallBufferBytes)
        try client.send("abc")
        client.endSending()
        #expect(try client.receiveToEnd() == Self.large)
        #expect(reactor.journal.wait { $0.open == 0 })
        #expect(reactor.journal.now.received == Array("abc".utf8))
    }

    enum Departure: CaseIterable { case reset, closeWithUnreadAnswer }

    @Test(arguments: Departure.allCases) func whatAPeerSentBeforeItWentAwayCounts(_ departure: Departure) throws {
        let script = Probe.Script(received: { id, bytes, io in
            guard bytes.first == UInt8(ascii: "a") else { return bytes.count }
            io.pauseReading(id.slot)
            if departure == .closeWithUnreadAnswer { io.append(Self.large, to: id.slot) }
            return 1
        })
        let reactor = try TestReactor(script)
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: Self.smallBufferBytes)
        try client.send("a")
        #expect(reactor.journal.wait { $0.calls == 1 })
        try client.send("bcd")
        if departure == .reset { client.reset() } else { client.close() }
        // Now the poller has reported the end, again and again if it is level-triggered.
        let before = reactor.journal.now.turns
        let timer = try TestSocket(port: reactor.port)
        #expect(reactor.journal.wait { $0.opened.count == 2 })
        reactor.post { io in io.setDeadline(1, at: io.now + 300) }
        #expect(reactor.journal.wait { $0.deadlines.count == 1 })
        #expect(reactor.journal.now.turns - before < 50, "a paused connection that is broken keeps the loop busy")
        #expect(reactor.journal.now.closed.isEmpty)
        reactor.post { io in io.resumeReading(0) }
        #expect(reactor.journal.wait { $0.closed.count == 1 })
        #expect(reactor.journal.now.received == Array("abcd".utf8))
        timer.close()
    }

    @Test func whatIsSaidAboutAnEndGoesOutAtOnce() throws {
        var script = Probe.Script.sink
        script.closed = { _, io in io.append([1], to: 0) }
        let reactor = try TestReactor(script)
        let witness = try TestSocket(port: reactor.port)
        #expect(reactor.journal.wait { $0.opened.count == 1 })
        let clock = ContinuousClock()
        let begin = clock.now
        for round in 0..<12 {
            let other = try TestSocket(port: reactor.port)
            #expect(reactor.journal.wait { $0.opened.count == round + 2 })
            other.close()
            #expect(try witness.receive(max: 10) == [1])
        }
        // A tick is a quarter of a second: twelve of them would be three.
        #expect(clock.now - begin < .milliseconds(1200))
    }

    @Test func aFinishedConnectionSendsEverythingToASlowPeer() throws {
        let script = Probe.Script(received: { id, bytes, io in
            io.lingerMilliseconds = 100
            io.append(Self.large, to: id.slot)
            io.finish(id.slot)
            io.append([1, 2, 3], to: id.slot)
            return bytes.count
        })
        let reactor = try TestReactor(script)
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: Self.smallBufferBytes)
        try client.send("x")
        // Four ticks pass before it reads.
        #expect(reactor.journal.wait { $0.calls == 1 })
        let turns = reactor.journal.now.turns
        #expect(reactor.journal.wait { $0.turns >= turns + 4 })
        #expect(try client.receiveToEnd() == Self.large)
        #expect(reactor.journal.wait { $0.open == 0 })
    }

    @Test(arguments: [0, 8 * 1024 * 1024]) func aFinishedConnectionEndsWithoutItsPeersHelp(_ answerBytes: Int) throws {
        let script = Probe.Script(received: { id, bytes, io in
            io.lingerMilliseconds = 100
            io.finishMilliseconds = 100
            io.append(pattern(answerBytes), to: id.slot)
            io.finish(id.slot)
            io.setDeadline(id.slot, at: io.now + 3_600_000)
            io.pauseReading(id.slot)
            return bytes.count
        })
        let reactor = try TestReactor(script)
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: Self.smallBufferBytes)
        try client.send("x")
        #expect(reactor.journal.wait { $0.closed.count == 1 })
        #expect(reactor.ask { $0.pool.inUse } == 0)
        client.close()
    }

    @Test(arguments: [0, 8 * 1024 * 1024]) func aPeerThatTookItsLeaveIsNotWaitedFor(_ answerBytes: Int) throws {
        let script = Probe.Script(received: { id, bytes, io in
            io.lingerMilliseconds = 3_600_000
            io.append(pattern(answerBytes), to: id.slot)
            io.conclude(id.slot)
            return bytes.count
        })
        let reactor = try TestReactor(script)
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: Self.smallBufferBytes)
        try client.send("x")
        #expect(try client.receiveToEnd() == pattern(answerBytes))
        #expect(reactor.journal.wait { $0.open == 0 })
        client.close()
    }

    @Test func anEarlyAnswerToALargeBodyIsNotLostByAReset() throws {
        let script = Probe.Script(received: { id, bytes, io in
            io.append(Array("413".utf8), to: id.slot)
            io.finish(id.slot)
            return bytes.count
        })
        let reactor = try TestReactor(script)
        let client = try TestSocket(port: reactor.port)
        try client.send(Self.large)
        #expect(try client.receiveToEnd() == Array("413".utf8))
        client.close()
        #expect(reactor.journal.wait { $0.open == 0 })
    }

    @Test func anAbortSendsNothingMore() throws {
        let script = Probe.Script(received: { id, bytes, io in
            io.append([1], to: id.slot)
            io.abort(id.slot)
            precondition(!io.isOpen(id))
            return bytes.count
        })
        let reactor = try TestReactor(script)
        let client = try TestSocket(port: reactor.port)
        try client.send("x")
        #expect(try client.receiveToEnd().isEmpty)
    }
}
