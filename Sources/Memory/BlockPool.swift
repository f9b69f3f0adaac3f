/// A piece of raw memory in a chain: `start..<end` are its bytes still to be sent.
struct Block {
    static let capacity = 16 * 1024 - MemoryLayout<Block>.stride
    /// Left free at the beginning, so that a header can be put before bytes that are there already.
    static let headroom: Int32 = 16

    var next: UnsafeMutablePointer<Block>?
    var start: Int32
    var end: Int32

    static func bytes(_ block: UnsafeMutablePointer<Block>) -> UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(block + 1).assumingMemoryBound(to: UInt8.self)
    }
}

/// Blocks for the outputs of one thread's connections. Freed blocks are kept for the next turn, up to a limit: giving them back to
/// malloc every turn costs 3.5 to 5 times as much (performance.md), and an idle connection holds none.
package struct BlockPool: ~Copyable {
    /// 64 MiB: a fan-out's worth.
    static let keptMax = 4096

    private var free: UnsafeMutablePointer<Block>?
    private var kept = 0
    /// Blocks that were taken and not given back.
    package private(set) var inUse = 0

    package init() {}

    deinit {
        var block = free
        while let current = block {
            block = current.pointee.next
            UnsafeMutableRawPointer(current).deallocate()
        }
    }

    mutating func take() -> UnsafeMutablePointer<Block> {
        let block: UnsafeMutablePointer<Block>
        inUse += 1
        if let first = free {
            free = first.pointee.next
            kept -= 1
            block = first
        } else {
            let bytes = MemoryLayout<Block>.stride + Block.capacity
            block = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: MemoryLayout<Block>.alignment)
                .bindMemory(to: Block.self, capacity: 1)
        }
        block.initialize(to: Block(next: nil, start: Block.headroom, end: Block.headroom))
        return block
    }

    mutating func give(_ block: UnsafeMutablePointer<Block>) {
        inUse -= 1
        guard kept < Self.keptMax else {
            UnsafeMutableRawPointer(block).deallocate()
            return
        }
        block.pointee.next = free
        free = block
        kept += 1
    }
}
