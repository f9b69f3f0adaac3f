import Testing

@testable import Transport

@Suite struct MailboxTests {
    /// Nothing is lost, and each thread's mail stays in order, while one thread drains.
    @Test func keepsEachThreadsOrder() throws {
        let threadCount = 8, perThread = 5000
        let mailbox = try Mailbox<(thread: Int, number: Int)>()
        let threads = (0..<threadCount).map { thread in
            TestThread {
                var number = 0
                while number < perThread {
                    if number % 7 == 0, number + 3 <= perThread {
                        mailbox.post((number..<number + 3).map { (thread, $0) })
                        number += 3
                    } else {
                        mailbox.post((thread, number))
                        number += 1
                    }
                }
            }
        }
        var next = [Int](repeating: 0, count: threadCount)
        var isInOrder = true
        func drain() {
            for mail in mailbox.drain() {
                isInOrder = isInOrder && mail.number == next[mail.thread]
                next[mail.thread] += 1
            }
        }
        while next.reduce(0, +) < threadCount * perThread, isInOrder {
            if mailbox.hasMail { drain() }
        }
        for thread in threads { thread.join() }
        #expect(isInOrder)
        #expect(next == Array(repeating: perThread, count: threadCount))
        #expect(mailbox.drain().isEmpty)
    }

    @Test func showsMailAsSoonAsItIsPosted() throws {
        let mailbox = try Mailbox<Int>()
        #expect(!mailbox.hasMail)
        mailbox.post([])
        #expect(!mailbox.hasMail)
        mailbox.post(1)
        #expect(mailbox.hasMail)
        #expect(mailbox.drain() == [1])
        #expect(!mailbox.hasMail)
    }

    @Test func wakesASleepingReactor() throws {
        let reactor = try TestReactor(.sink)
        let clock = ContinuousClock()
        let begin = clock.now
        for round in 0..<40 { #expect(reactor.ask { _ in round } == round) }
        // Without a wake each would wait for a tick, a quarter of a second.
        #expect(clock.now - begin < .seconds(4))
    }

    /// What a peer sends because of something that was posted before finds that done.
    @Test func mailComesBeforeBytesThatWereSentLater() throws {
        let journal = Journal()
        let reactor = try TestReactor(
            Probe.Script(received: { _, bytes, _ in
                let posted = journal.now.values.count
                journal.note { $0.received.append(UInt8(posted)) }
                return bytes.count
            }))
        let sockets = try (0..<2).map { _ in try TestSocket(port: reactor.port) }
        #expect(reactor.journal.wait { $0.opened.count == 2 })
        for round in 1...100 {
            reactor.post { _ in journal.note { $0.values.append(round) } }
            try sockets[round % 2].send("x")
            #expect(journal.wait { $0.received.count == round })
        }
        #expect(journal.now.received == (1...100).map { UInt8($0) })
    }
}
