import Memory

/// How far the members of a shared subscription have come, together, in the log of its filter.
package struct Consumption: Sendable, Equatable {
    /// More open entries are not kept: what is done with above the last of them is then given out again after a crash.
    private static let openMax = 10_000

    /// Entries up to this one are done with, except those that are open.
    package private(set) var end: Int64
    /// Ascending.
    package private(set) var open: [Int64]
    /// Entries that sessions have taken over, wherever they stand; known at the start only, and not part of what is stored.
    package var taken: Set<Int64> = []

    /// - Parameter open: ascending, none above `end`.
    package init(end: Int64 = 0, open: [Int64] = []) {
        precondition(end >= 0 && open.last ?? 0 <= end)
        self.end = end
        self.open = open
        guard open.count > Self.openMax else { return }
        self.end = open[Self.openMax] - 1
        self.open = Array(open[..<Self.openMax])
    }

    /// All entries up to this one are done with.
    package var floor: Int64 { open.first.map { $0 - 1 } ?? end }

    /// What stands above the floor: the distance to the end, then from each open entry to the next one, as packed integers.
    var packed: [UInt8] {
        guard end > floor else { return [] }
        var bytes: [UInt8] = []
        bytes.append(packed: end - floor)
        var last = floor
        for seq in open {
            bytes.append(packed: seq - last)
            last = seq
        }
        return bytes
    }

    /// Nil if the bytes are none of ours.
    init?(floor: Int64, packed bytes: [UInt8]) {
        self.init(end: floor)
        var reader = PackedReader(bytes)
        guard !reader.isAtEnd else { return }
        guard let distance = reader.next() else { return nil }
        end = floor + distance
        var last = floor
        while !reader.isAtEnd {
            guard let distance = reader.next(), distance > 0, distance <= end - last else { return nil }
            last += distance
            open.append(last)
        }
    }
}
