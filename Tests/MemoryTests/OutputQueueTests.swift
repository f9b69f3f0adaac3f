import Testing

@testable import Memory

struct OutputQueueTests {
    private func contents(_ queue: OutputQueue) -> [UInt8] {
        withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<UInt8>.self, capacity: 64) { pieces in
            pieces[..<queue.gather(into: pieces)].flatMap { Array($0) }
        }
    }

    /// Appends and removals of all sizes around that of a block, against an array that does the same.
    @Test(arguments: [1, 7, Block.capacity - 1, Block.capacity, Block.capacity + 1, 3 * Block.capacity])
    func bytesStayInOrder(_ size: Int) {
        var pool = BlockPool()
        var queue = OutputQueue()
        var model: [UInt8] = []
        var next: UInt8 = 0
        for round in 0..<12 {
            let bytes = (0..<size).map { _ in
                defer { next &+= 1 }
                return next
            }
            queue.append(bytes.span, pool: &pool)
            model += bytes
            let removed = min(model.count, round % 3 == 0 ? model.count : size * (round % 2) + round)
            queue.removeFirst(removed, pool: &pool)
            model.removeFirst(removed)
            #expect(queue.count == model.count)
            #expect(queue.isEmpty == model.isEmpty)
            #expect(contents(queue) == model)
            #expect(Array(queue.first) == Array(model.prefix(queue.first.count)))
        }
        queue.removeAll(pool: &pool)
        #expect(queue.isEmpty && queue.first.isEmpty)
    }

    /// The identifier may fall on the end of a block, or stand at the end of its frame.
    @Test(arguments: [0, 1, 2, 3, 4, 5, 8], [0, 1, 4, 6]) func identifiersArePatched(_ room: Int, _ offset: Int) {
        var pool = BlockPool()
        var queue = OutputQueue()
        let filler = [UInt8](repeating: 9, count: Block.capacity - room)
        queue.append(filler.span, pool: &pool)
        let frame: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        queue.append(frame.span, packetID: 0xABCD, at: offset, pool: &pool)
        var expected = frame
        expected[offset] = 0xAB
        expected[offset + 1] = 0xCD
        #expect(contents(queue) == filler + expected)
        #expect(queue.count == filler.count + 8)
        queue.removeAll(pool: &pool)
    }

    @Test func emptyAppendsTakeNoBlock() {
        var pool = BlockPool()
        var queue = OutputQueue()
        queue.append([UInt8]().span, pool: &pool)
        #expect(queue.isEmpty && queue.first.isEmpty)
        queue.removeAll(pool: &pool)
    }

    @Test(arguments: [
        (Int64(0), "0"), (7, "7"), (-1, "-1"), (.max, "9223372036854775807"), (.min, "-9223372036854775808"),
    ])
    func decimals(_ value: Int64, _ text: String) {
        var bytes: [UInt8] = [1]
        bytes.append(decimal: value)
        #expect(String(decoding: bytes.dropFirst(), as: UTF8.self) == text)
    }

    @Test func literalsAndSpans() {
        var bytes: [UInt8] = []
        bytes.append(ascii: "ab")
        bytes.append(ascii: "")
        bytes.append(span: [3, 4].span)
        #expect(bytes == [97, 98, 3, 4])
        #expect([UInt8](span: bytes.span) == bytes)
    }
}
