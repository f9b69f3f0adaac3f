import Glibc
import Synchronization
import Testing

@testable import Transport

/// One reactor with real sockets.
@Suite struct ReactorTests {
    private static let megabyte = pattern(1024 * 1024)

    @Test func echoesToASlowReader() throws {
        let reactor = try TestReactor(.echo)
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: 4096)
        try client.send(Self.megabyte)
        client.endSending()
        #expect(try client.receiveToEnd() == Self.megabyte)
        #expect(reactor.journal.wait { $0.open == 0 })
        #expect(reactor.ask { $0.pool.inUse } == 0)
    }

    /// What is left comes again with what follows, also when it is larger than a read.
    @Test(arguments: [1, 1000, 70_000, 300_000]) func keepsWhatTheHandlerLeaves(_ frameBytes: Int) throws {
        let reactor = try TestReactor(
            Probe.Script(received: { id, bytes, io in
                let used = bytes.count / frameBytes * frameBytes
                io.append(Array(bytes[..<used]), to: id.slot)
                return used
            }))
        let client = try TestSocket(port: reactor.port)
        let bytes = Array(Self.megabyte[..<(900_000 / frameBytes * frameBytes)])
        try client.send(bytes)
        #expect(try client.receive(exactly: bytes.count) == bytes)
        #expect(reactor.ask { $0.table[0].tail.capacity } == 0)
    }

    /// A packet that was large must not keep its memory because the first bytes of the next came with it.
    @Test func theBeginningOfAPacketIsKeptInLittleMemory() throws {
        let reactor = try TestReactor(
            Probe.Script(received: { _, bytes, _ in bytes.count < 500_000 ? 0 : min(bytes.count, 500_000) }))
        let client = try TestSocket(port: reactor.port)
        try client.send(Array(Self.megabyte[..<500_010]))
        #expect(reactor.journal.wait { $0.received.count == 500_000 })
        try client.send("x")
        #expect(reactor.ask { $0.table[0].tail.count } != nil)
        let room = reactor.ask { $0.table[0].tail.capacity } ?? .max
        #expect(room < 100_000)
    }

    @Test func pausesAndResumes() throws {
        let reactor = try TestReactor(
            Probe.Script(received: { id, bytes, io in
                io.pauseReading(id.slot)
                return bytes.isEmpty ? 0 : 1
            }))
        let client = try TestSocket(port: reactor.port)
        try client.send("abc")
        for count in 1...3 {
            #expect(reactor.journal.wait { $0.received.count == count })
            // Both in one turn: only the last counts.
            reactor.post { io in
                io.resumeReading(0)
                io.pauseReading(0)
                io.resumeReading(0)
            }
        }
        #expect(reactor.journal.now.received == Array("abc".utf8))
    }

    @Test func muchOutputInOneTurnIsNoCongestion() throws {
        let reactor = try TestReactor(
            Probe.Script(received: { id, bytes, io in
                for _ in 0..<64 { io.append(Array(Self.megabyte[..<65_536]), to: id.slot) }
                return bytes.count
            }))
        let client = try TestSocket(port: reactor.port, receiveBufferBytes: 4096)
        try client.send("x")
        #expect(reactor.journal.wait { $0.calls == 1 })
        #expect(reactor.ask { $0.isCongested(0) ? 1 : 0 } == 1)
        #expect(try client.receive(exactly: 64 * 65_536).count == 64 * 65_536)
        #expect(reactor.journal.wait { $0.drained == 1 })
        #expect(reactor.ask { $0.isCongested(0) ? 1 : 0 } == 0)
    }

    @Test func anEventOfAConnectionThatIsGoneMeansNobodyElse() throws {
        let script = Probe.Script(received: { id, bytes, io in
            // Of the pair, whoever is heard first ends the other.
            io.abort(1 - id.slot)
            return bytes.count
        })
        let reactor = try TestReactor(script)
        let pair = [try TestSocket(port: reactor.port), try TestSocket(port: reactor.port)]
        #expect(reactor.journal.wait { $0.opened.count == 2 })
        let gate = Journal()
        reactor.post { _ in _ = gate.wait { $0.calls == 1 } }
        for socket in pair { try socket.send("x") }
        gate.note { $0.calls = 1 }
        #expect(reactor.journal.wait { $0.closed.count == 1 })
        let gone = reactor.journal.now.closed[0]
        let next = try TestSocket(port: reactor.port)
        #expect(reactor.journal.wait { $0.opened.count == 3 })
        #expect(reactor.journal.now.received.count == 1)
        #expect(reactor.journal.now.opened[2] == ConnectionID(slot: gone.slot, generation: gone.generation + 1))
        #expect(reactor.ask { $0.isOpen(gone) ? 1 : 0 } == 0)
        next.close()
    }

    @Test func tenThousandConnectionsLeaveNothingBehind() throws {
        let reactor = try TestReactor(.echo)
        for batch in 0..<50 {
            let sockets = try (0..<200).map { _ in try TestSocket(port: reactor.port) }
            for socket in sockets { try socket.send("hello") }
            for (index, socket) in sockets.enumerated() {
                if index % 4 == 0 { #expect(try socket.receive(exactly: 5).count == 5) }
                if index % 3 == 0 { socket.reset() } else { socket.close() }
            }
            #expect(reactor.journal.wait { $0.closed.count == (batch + 1) * 200 })
        }
        #expect(Set(reactor.journal.now.closed).count == 10_000)
        #expect(reactor.ask { $0.count } == 0)
        #expect(reactor.ask { $0.pool.inUse } == 0)
        #expect(reactor.ask { $0.freeSlots.count - $0.table.count } == 0)
        #expect(reactor.ask { $0.table.count }! <= 400)
        #expect(reactor.ask { $0.dirty.count + $0.resumed.count + $0.drained.count } == 0)
    }

    @Test func deadlinesComeInTimeAndNeverEarly() throws {
        let reactor = try TestReactor(.sink)
        let delays: [Int64] = [-1000, 1, 100, 251, 600, .max / 2]
        let sockets = try delays.map { _ in try TestSocket(port: reactor.port) }
        #expect(reactor.journal.wait { $0.opened.count == delays.count })
        let begin = Mutex<Int64>(0)
        _ = reactor.ask { io in
            begin.withLock { $0 = io.now }
            for (slot, delay) in delays.enumerated() {
                // Put off and brought forward: only the last counts.
                io.setDeadline(Int32(slot), at: io.now + 50)
                io.setDeadline(Int32(slot), at: io.now + 100_000)
                io.setDeadline(Int32(slot), at: io.now + delay)
            }
            return 0
        }
        #expect(reactor.journal.wait { $0.deadlines.count == delays.count - 1 })
        let start = begin.withLock { $0 }
        for (id, now) in reactor.journal.now.deadlines {
            let late = now - start - max(delays[Int(id.slot)], 0)
            // 250 ms by design; the rest is for a busy machine.
            #expect(0 <= late && late < 1000, "\(delays[Int(id.slot)]): \(late) ms late")
        }
        for socket in sockets { socket.close() }
    }
}
