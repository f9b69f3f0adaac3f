/// Bytes that wait to be sent: a chain of blocks out of a pool, empty of memory while there are none.
///
/// The owner gives the blocks back by `removeAll` before it lets go of the queue; the queue itself is a plain value so that a table
/// of connections can be an array of structs.
package struct OutputQueue {
    private var head: UnsafeMutablePointer<Block>?
    private var tail: UnsafeMutablePointer<Block>?
    /// Bytes in the chain.
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    package mutating func append(_ bytes: Span<UInt8>, pool: inout BlockPool) {
        bytes.withUnsafeBufferPointer { append($0, pool: &pool) }
    }

    package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>, pool: inout BlockPool) {
        guard var source = bytes.baseAddress else { return }
        var left = bytes.count
        count += left
        while left > 0 {
            let block = blockWithRoom(pool: &pool)
            let end = Int(block.pointee.end)
            let piece = min(left, Block.capacity - end)
            (Block.bytes(block) + end).update(from: source, count: piece)
            block.pointee.end += Int32(piece)
            source += piece
            left -= piece
        }
    }

    /// Appends a frame with other bytes in the place of the two at `offset`: a packet identifier.
    package mutating func append(
        _ frame: Span<UInt8>, packetID: UInt16, at offset: Int, pool: inout BlockPool
    ) {
        let high = UInt8(truncatingIfNeeded: packetID >> 8), low = UInt8(truncatingIfNeeded: packetID)
        frame.withUnsafeBufferPointer { bytes in
            precondition(offset >= 0 && offset + 2 <= bytes.count)
            if let tail, Block.capacity - Int(tail.pointee.end) >= bytes.count {
                let place = Block.bytes(tail) + Int(tail.pointee.end)
                place.update(from: bytes.baseAddress!, count: bytes.count)
                place[offset] = high
                place[offset + 1] = low
                tail.pointee.end += Int32(bytes.count)
                count += bytes.count
            } else {
                append(UnsafeBufferPointer(rebasing: bytes[..<offset]), pool: &pool)
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2) { identifier in
                    identifier.initializeElement(at: 0, to: high)
                    identifier.initializeElement(at: 1, to: low)
                    append(UnsafeBufferPointer(identifier), pool: &pool)
                }
                append(UnsafeBufferPointer(rebasing: bytes[(offset + 2)...]), pool: &pool)
            }
        }
    }

    /// The first contiguous bytes; empty if there are none.
    package var first: UnsafeBufferPointer<UInt8> {
        guard let head else { return UnsafeBufferPointer(start: nil, count: 0) }
        return UnsafeBufferPointer(
            start: Block.bytes(head) + Int(head.pointee.start), count: Int(head.pointee.end - head.pointee.start))
    }

    /// Lists the first contiguous pieces, for one gathering write; returns how many.
    package func gather(into pieces: UnsafeMutableBufferPointer<UnsafeBufferPointer<UInt8>>) -> Int {
        var block = head
        var found = 0
        while let current = block, found < pieces.count {
            pieces[found] = UnsafeBufferPointer(
                start: Block.bytes(current) + Int(current.pointee.start),
                count: Int(current.pointee.end - current.pointee.start))
            found += 1
            block = current.pointee.next
        }
        return found
    }

    package mutating func removeFirst(_ bytes: Int, pool: inout BlockPool) {
        precondition(bytes <= count)
        count -= bytes
        var left = bytes
        while let block = head {
            let size = Int(block.pointee.end - block.pointee.start)
            if left < size {
                block.pointee.start += Int32(left)
                return
            }
            left -= size
            head = block.pointee.next
            if head == nil { tail = nil }
            pool.give(block)
            if left == 0 { return }
        }
    }

    package mutating func removeAll(pool: inout BlockPool) {
        removeFirst(count, pool: &pool)
        precondition(head == nil)
    }

    /// Puts a byte before all others, of which some must be there and none may have been removed; there is room for
    /// `headroomBytes`.
    package mutating func prepend(_ byte: UInt8) {
        guard let head, head.pointee.start > 0 else { preconditionFailure("the headroom is used up") }
        head.pointee.start -= 1
        Block.bytes(head)[Int(head.pointee.start)] = byte
        count += 1
    }

    package static let headroomBytes = Int(Block.headroom)

    /// Takes the first blocks out, at most `limit`, as a queue of their own.
    package mutating func takeBlocks(_ limit: Int) -> OutputQueue {
        precondition(limit > 0)
        var taken = OutputQueue()
        var found = 0
        while let block = head, found < limit {
            if taken.head == nil { taken.head = block }
            taken.tail = block
            taken.count += Int(block.pointee.end - block.pointee.start)
            head = block.pointee.next
            found += 1
        }
        taken.tail?.pointee.next = nil
        if head == nil { tail = nil }
        count -= taken.count
        return taken
    }

    /// Moves all bytes of another queue behind these.
    package mutating func append(_ other: consuming OutputQueue) {
        guard let first = other.head else { return }
        if let tail { tail.pointee.next = first } else { head = first }
        tail = other.tail
        count += other.count
    }

    private mutating func blockWithRoom(pool: inout BlockPool) -> UnsafeMutablePointer<Block> {
        if let tail, Int(tail.pointee.end) < Block.capacity { return tail }
        let block = pool.take()
        if let tail { tail.pointee.next = block } else { head = block }
        tail = block
        return block
    }
}
