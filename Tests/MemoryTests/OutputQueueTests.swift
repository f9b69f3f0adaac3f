import Testing

@testable import Memory

/// A queue against an array that does the same.
@Suite struct OutputQueueTests {
    private static func contents(_ queue: OutputQueue) -> [UInt8] {
        withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<UInt8>.self, capacity: 1000) { pieces in
            let found = queue.gather(into: pieces)
            return (0..<found).flatMap { Array(pieces[$0]) }
        }
    }

    private static func append(_ bytes: [UInt8], to queue: inout OutputQueue, _ pool: inout BlockPool) {
        queue.append(bytes.span, pool: &pool)
    }

    private static func bytes(_ count: Int, from first: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: (first &+ $0) &* 31 &>> 3) }
    }

    @Test func behavesLikeAnArray() {
        var generator = SeededGenerator(state: 42)
        var pool = BlockPool()
        var queue = OutputQueue()
        var model: [UInt8] = []
        for step in 0..<600 {
            let size = [0, 1, 7, 300, Block.capacity - 1, Block.capacity, Block.capacity + 1, 40_000].randomElement(
                using: &generator)!
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1:
                let more = Self.bytes(size, from: step)
                Self.append(more, to: &queue, &pool)
                model += more
            case 2 where size >= 2:
                var frame = Self.bytes(size, from: step)
                let place = Int.random(in: 0...(size - 2), using: &generator)
                queue.append(frame.span, packetID: 0xABCD, at: place, pool: &pool)
                frame.replaceSubrange(place..<place + 2, with: [0xAB, 0xCD])
                model += frame
            default:
                let count = min(size * 2, model.count)
                queue.removeFirst(count, pool: &pool)
                model.removeFirst(count)
            }
            #expect(queue.count == model.count && queue.isEmpty == model.isEmpty)
            if step % 20 == 0 { #expect(Self.contents(queue) == model) }
            #expect(queue.first.elementsEqual(model.prefix(queue.first.count)))
        }
        queue.removeAll(pool: &pool)
        #expect(queue.isEmpty && queue.first.isEmpty)
        #expect(pool.inUse == 0)
    }

    /// A packet identifier at each place around the end of a block.
    @Test(arguments: (Block.capacity - 6)...(Block.capacity + 1))
    func writesAPacketIdentifierAcrossBlocks(_ before: Int) {
        var pool = BlockPool()
        var queue = OutputQueue()
        let head = Self.bytes(before, from: 0), frame: [UInt8] = [1, 2, 0, 0, 5]
        Self.append(head, to: &queue, &pool)
        queue.append(frame.span, packetID: 0x0304, at: 2, pool: &pool)
        #expect(Self.contents(queue) == head + [1, 2, 3, 4, 5])
        queue.removeAll(pool: &pool)
        #expect(pool.inUse == 0)
    }

    @Test func takesBlocksOnlyWhileThereAreBytes() {
        var pool = BlockPool()
        var queue = OutputQueue()
        Self.append([], to: &queue, &pool)
        #expect(pool.inUse == 0)
        Self.append([1], to: &queue, &pool)
        #expect(pool.inUse == 1)
        Self.append(Self.bytes(Block.capacity, from: 0), to: &queue, &pool)
        #expect(pool.inUse == 2)
        queue.removeFirst(1, pool: &pool)
        queue.removeFirst(Block.capacity - 1, pool: &pool)
        #expect(pool.inUse == 1)
        queue.removeFirst(1, pool: &pool)
        #expect(pool.inUse == 0)
    }

    @Test func gathersNoMorePiecesThanThereIsRoomFor() {
        var pool = BlockPool()
        var queue = OutputQueue()
        Self.append(Self.bytes(Block.capacity * 3, from: 0), to: &queue, &pool)
        withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<UInt8>.self, capacity: 2) { pieces in
            #expect(queue.gather(into: pieces) == 2)
            #expect(pieces[1].count == Block.capacity - Int(Block.headroom))
        }
        queue.removeAll(pool: &pool)
    }

    /// Full blocks are full TLS records, or nearly.
    @Test func aBlockFitsIntoATLSRecord() {
        #expect(Block.capacity <= 16 * 1024 && Block.capacity > 16_000)
    }
}

struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
