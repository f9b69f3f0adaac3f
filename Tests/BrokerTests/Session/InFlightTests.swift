import Testing

@testable import Broker

struct InFlightTests {
    /// Fills, acknowledges and drains again and again, far past the last identifier.
    @Test(arguments: [7, 1024]) func identifiersWrap(_ window: Int) {
        var inFlight = InFlight()
        var expected: UInt16 = 1
        for _ in 0..<(70_000 / window) {
            var ids: [UInt16] = []
            for number in 0..<window { ids.append(inFlight.append(cursor: 3, seq: Int64(number), qos: .atLeastOnce)) }
            for (number, id) in ids.enumerated() {
                #expect(id == expected)
                expected = expected == .max ? 1 : expected + 1
                #expect(acknowledge(id, in: &inFlight) == [Int64(number)])
            }
        }
        #expect(inFlight.isEmpty)
    }

    /// Each case: what is acknowledged after identifiers 1 to 4 were given, whether it counts, and what comes out.
    @Test(
        arguments: [
            (ids: [1, 2, 3, 4], counts: [true, true, true, true], popped: [1, 2, 3, 4]),
            ([2, 1], [true, true], [1, 2]), ([4, 3, 2], [true, true, true], []), ([1, 1], [true, false], [1]),
            ([2, 2, 1], [true, false, true], [1, 2]), ([0, 5, 65_535], [false, false, false], []),
        ] as [(ids: [UInt16], counts: [Bool], popped: [Int64])])
    func acknowledgements(_ ids: [UInt16], _ counts: [Bool], _ popped: [Int64]) {
        var inFlight = InFlight()
        for seq in 1...4 { _ = inFlight.append(cursor: 0, seq: Int64(seq), qos: .atLeastOnce) }
        var out: [Int64] = []
        for (id, counts) in zip(ids, counts) {
            let isCounted = inFlight.acknowledge(id)
            #expect(isCounted == counts)
            while let item = inFlight.popDone() { out.append(item.seq) }
        }
        #expect(out == popped)
        #expect(inFlight.count == 4 - popped.count)
    }

    @Test func detachedItemsKeepTheirPlace() {
        var inFlight = InFlight()
        for seq in 1...20 { _ = inFlight.append(cursor: Int32(seq % 2), seq: Int64(seq), qos: .atLeastOnce) }
        inFlight.detach(cursor: 1)
        for id in 1...20 { _ = inFlight.acknowledge(UInt16(id)) }
        for seq in 1...20 {
            let cursor = inFlight.popDone()?.cursor
            #expect(cursor == (seq % 2 == 1 ? -1 : 0))
        }
    }

    /// The ring grows while it has wrapped around its end.
    @Test func growsAroundItsEnd() {
        var inFlight = InFlight()
        var next: Int64 = 0, first: Int64 = 0
        for round in 1...60 {
            for _ in 0..<(round % 13 + 3) where inFlight.count < 1024 {
                _ = inFlight.append(cursor: 0, seq: next, qos: .atLeastOnce)
                next += 1
            }
            for _ in 0..<(round % 5) {
                #expect(acknowledge(UInt16(first % 65_535 + 1), in: &inFlight) == [first])
                first += 1
            }
        }
        #expect(inFlight.count == Int(next - first))
    }

    /// - Returns: what comes out.
    private func acknowledge(_ id: UInt16, in inFlight: inout InFlight) -> [Int64] {
        guard inFlight.acknowledge(id) else { return [] }
        var seqs: [Int64] = []
        while let item = inFlight.popDone() { seqs.append(item.seq) }
        return seqs
    }
}
