import Testing

@testable import Memory

/// What framing needs: a header before bytes that are there, and whole blocks moved from one queue to another.
@Suite struct OutputQueueFramingTests {
    private func contents(_ queue: OutputQueue) -> [UInt8] {
        withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<UInt8>.self, capacity: 64) { pieces in
            pieces[..<queue.gather(into: pieces)].flatMap { Array($0) }
        }
    }

    private static let room = Block.capacity - Int(Block.headroom)

    @Test(arguments: [1, 100, room - 1, room, room + 1, 4 * room, 4 * room + 1, 10 * room])
    func blocks(count: Int) {
        var pool = BlockPool()
        var queue = OutputQueue()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 13) }
        queue.append(bytes.span, pool: &pool)
        var sending = OutputQueue()
        sending.append([0xFF].span, pool: &pool)
        var expected: [UInt8] = [0xFF]
        var start = 0
        while !queue.isEmpty {
            var frame = queue.takeBlocks(4)
            #expect(frame.count == min(count - start, 4 * Self.room))
            for byte in UInt8(0)..<UInt8(OutputQueue.headroomBytes) { frame.prepend(byte) }
            expected +=
                (UInt8(0)..<UInt8(OutputQueue.headroomBytes)).reversed()
                + bytes[start..<min(count, start + 4 * Self.room)]
            start += 4 * Self.room
            sending.append(frame)
        }
        #expect(sending.count == expected.count)
        #expect(contents(sending) == expected)
        // Both are whole queues afterwards.
        queue.append([1, 2].span, pool: &pool)
        #expect(contents(queue) == [1, 2])
        sending.append([3].span, pool: &pool)
        #expect(contents(sending) == expected + [3])
        queue.removeAll(pool: &pool)
        sending.removeAll(pool: &pool)
    }

    @Test func emptyQueues() {
        var pool = BlockPool()
        var queue = OutputQueue()
        #expect(queue.takeBlocks(4).isEmpty)
        queue.append(OutputQueue())
        #expect(queue.isEmpty)
        queue.append([1].span, pool: &pool)
        queue.append(OutputQueue())
        #expect(contents(queue) == [1])
        queue.removeAll(pool: &pool)
    }

    @Test func headroomEnds() async {
        await #expect(processExitsWith: .failure) {
            var pool = BlockPool()
            var queue = OutputQueue()
            queue.append([1].span, pool: &pool)
            for _ in 0...OutputQueue.headroomBytes { queue.prepend(0) }
        }
    }
}
