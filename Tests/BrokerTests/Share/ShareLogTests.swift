import Persistence
import Testing

@testable import Broker

struct ShareLogTests {
    private func log(end: Int64 = 0, open: [Int64] = [], taken: Set<Int64> = [], base: Int64 = 0) -> ShareLog {
        var consumption = Consumption(end: end, open: open)
        consumption.taken = taken
        return ShareLog(topicID: 1, base: base, end: 100, consumption)
    }

    @Test func theFloorIsBelowWhatIsOpen() {
        var log = log(end: 10)
        for seq in Int64(11)...15 { #expect(log.next == seq && log.offer(seq) == seq) }
        #expect(log.floor == 10)
        log.settle(12)
        log.settle(11)
        #expect(log.floor == 12 && log.consumption == Consumption(end: 15, open: [13, 14, 15]))
        log.settle(15)
        #expect(log.consumption == Consumption(end: 15, open: [13, 14]))
    }

    @Test func whatNobodyHasIsOfferedAgainFirst() {
        var log = log(base: 100)
        for seq in Int64(1)...6 { _ = log.offer(seq) }
        log.settle(3)
        log.takeBack([5, 2])
        log.takeBack([1])
        var offered: [Int64] = []
        for _ in 0..<4 { offered.append(log.offer(log.next)) }
        #expect(offered == [101, 102, 105, 107])
        #expect(log.consumption == Consumption(end: 7, open: [1, 2, 4, 5, 6, 7]))
    }

    @Test func anEarlierHubHasLeftSomethingOpen() {
        var log = log(end: 9, open: [4, 7, 8], taken: [7, 11, 10, 13])
        #expect(log.floor == 3)
        #expect(log.offer(log.next) == 4 && log.offer(log.next) == 8)
        // 10 and 11 are others' already.
        #expect(log.offer(log.next) == 12 && log.next == 14)
        for seq in [4, 8, 12] as [Int64] { log.settle(seq) }
        #expect(log.floor == 13)
    }

    @Test func whatIsMissingIsPassedOver() {
        var log = log(end: 9, open: [4, 7, 8])
        log.skip(upTo: 6)
        #expect(log.next == 7 && log.floor == 6)
        log.skip(upTo: 20)
        #expect(log.next == 21 && log.floor == 20)
        #expect(log.offer(21) == 21)
        log.skip(upTo: 22)
        #expect(log.floor == 20 && log.consumption == Consumption(end: 22, open: [21]))
    }
}
