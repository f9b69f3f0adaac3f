import Testing

@testable import Broker

struct PendingAcknowledgementsTests {
    private typealias Answer = PendingAcknowledgements.Answer

    /// Four wait, and are resolved in this order.
    @Test(arguments: [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]]) func answersInOrder(_ order: [Int]) {
        var pending = PendingAcknowledgements()
        let serials = (0..<4).map { pending.append(Answer(packetID: UInt16($0 + 10), isExactlyOnce: false)) }
        var out: [UInt16] = []
        for place in order {
            pending.resolve(serials[place], Answer(packetID: UInt16(place + 10), isExactlyOnce: false))
            while let answer = pending.popReady() { out.append(answer.packetID) }
        }
        #expect(out == [10, 11, 12, 13])
        #expect(pending.isEmpty)
    }

    @Test func readyAnswersWaitForTheirTurn() {
        var pending = PendingAcknowledgements()
        let first = pending.append(Answer(packetID: 1, isExactlyOnce: false))
        pending.append(ready: Answer(packetID: 2, isExactlyOnce: false))
        let third = pending.append(Answer(packetID: 3, isExactlyOnce: false))
        #expect(popAll(&pending).isEmpty)
        pending.resolve(third, Answer(packetID: 3, isExactlyOnce: false))
        pending.resolve(first, Answer(packetID: 1, isExactlyOnce: false))
        #expect(popAll(&pending) == [1, 2, 3])
    }

    @Test func staleSerialsMeanNothing() {
        var pending = PendingAcknowledgements()
        let serial = pending.append(Answer(packetID: 1, isExactlyOnce: false))
        pending.resolve(serial, Answer(packetID: 1, isExactlyOnce: false))
        _ = pending.popReady()
        pending.resolve(serial, Answer(packetID: 9, isExactlyOnce: false))
        #expect(pending.waiting(serial) == nil)
        #expect(pending.waiting(serial &+ 1) == nil)
        #expect(pending.isEmpty)
    }

    @Test func serialsWrapAt24Bits() {
        var pending = PendingAcknowledgements(firstSerial: 0xFF_FFFE)
        let serials = (1...4).map { pending.append(Answer(packetID: $0, isExactlyOnce: false)) }
        #expect(serials == [0xFF_FFFE, 0xFF_FFFF, 0, 1])
        #expect(serials.map { pending.waiting($0)?.packetID } == [1, 2, 3, 4])
        for serial in serials.reversed() {
            #expect(popAll(&pending).isEmpty)
            pending.resolve(serial, pending.waiting(serial)!)
        }
        #expect(popAll(&pending) == [1, 2, 3, 4])
    }

    @Test func nothingAfterABlock() {
        var pending = PendingAcknowledgements()
        let serial = pending.append(Answer(packetID: 1, isExactlyOnce: false))
        pending.resolve(serial, Answer(packetID: 1, isExactlyOnce: false))
        pending.block()
        #expect(popAll(&pending).isEmpty)
        #expect(pending.count == 1)
    }

    /// What was taken out is given up on the way, not kept for ever.
    @Test func longQueueIsTakenOutInOrder() {
        var pending = PendingAcknowledgements()
        var first: UInt16 = 0
        for number in 0..<UInt16(1000) {
            pending.append(ready: Answer(packetID: number, isExactlyOnce: false))
            guard number % 3 == 2 else { continue }
            for _ in 0..<2 {
                let answer = pending.popReady()
                #expect(answer?.packetID == first)
                first += 1
            }
        }
        while let answer = pending.popReady() {
            #expect(answer.packetID == first)
            first += 1
        }
        #expect(first == 1000)
    }

    private func popAll(_ pending: inout PendingAcknowledgements) -> [UInt16] {
        var ids: [UInt16] = []
        while let answer = pending.popReady() { ids.append(answer.packetID) }
        return ids
    }
}
