import Synchronization

/// Makes ids: milliseconds since 2025-01-01T00:00:00Z in the upper 41 of 63 bits, then 10 bits of node, then 12 of sequence
/// (protocol.md §1). Ascending in one process, also when the clock steps back.
package final class IDGenerator: Sendable {
    /// 2025-01-01T00:00:00Z in Unix milliseconds.
    package static let epochMilliseconds: Int64 = 1_735_689_600_000

    private let node: Int64
    private let now: @Sendable () -> Int64
    private let last = Atomic<Int64>(0)

    /// - Parameters:
    ///   - node: 0 to 1023, different for each hub on one database.
    ///   - now: the wall clock, in Unix milliseconds.
    package init(node: Int, now: @escaping @Sendable () -> Int64) {
        precondition((0..<1024).contains(node))
        self.node = Int64(node) << 12
        self.now = now
    }

    /// The next id. `last` counts milliseconds and sequence without the node, so that a full millisecond flows over into the next.
    package func next() -> Int64 {
        let floor = (now() - Self.epochMilliseconds) << 12
        var before = last.load(ordering: .relaxed)
        while true {
            let next = max(floor, before + 1)
            let (done, current) = last.weakCompareExchange(expected: before, desired: next, ordering: .relaxed)
            if done { return (next >> 12) << 22 | node | (next & 0xFFF) }
            before = current
        }
    }

    /// When an id was made, in Unix milliseconds.
    package static func milliseconds(of id: Int64) -> Int64 { (id >> 22) + epochMilliseconds }

    /// The lowest id that can be made at that time; 0 before 2025.
    /// - Parameter milliseconds: Unix time.
    static func first(at milliseconds: Int64) -> Int64 { max(0, milliseconds - epochMilliseconds) << 22 }
}
