/// Entries that hold an answer made for wildcards, oldest first: a ring, with holes where an answer went early.
struct AnswerQueue {
    private struct Place {
        /// -1: a hole.
        var entry: Int32
        var subscriptionsCount: Int32
    }

    private var ring: [Place]
    private var head = 0
    private var length = 0
    private var subscriptionsCount = 0
    private let subscriptionsMax: Int

    init(answersMax: Int, subscriptionsMax: Int) {
        precondition(answersMax > 0 && subscriptionsMax > 0)
        ring = [Place](repeating: Place(entry: -1, subscriptionsCount: 0), count: answersMax)
        self.subscriptionsMax = subscriptionsMax
    }

    /// Whether something must go first. A single answer may be larger than the limit.
    func isFull(adding count: Int) -> Bool {
        length == ring.count || length > 0 && subscriptionsCount + count > subscriptionsMax
    }

    mutating func push(_ entry: Int32, subscriptionsCount count: Int) -> Int {
        precondition(length < ring.count)
        let position = (head + length) % ring.count
        ring[position] = Place(entry: entry, subscriptionsCount: Int32(clamping: count))
        length += 1
        subscriptionsCount += count
        return position
    }

    /// Nil: only holes were left, and are gone now.
    mutating func popOldest() -> Int32? {
        while length > 0 {
            let place = ring[head]
            ring[head].entry = -1
            head = (head + 1) % ring.count
            length -= 1
            if place.entry >= 0 {
                subscriptionsCount -= Int(place.subscriptionsCount)
                return place.entry
            }
        }
        return nil
    }

    mutating func remove(at position: Int, subscriptionsCount count: Int) {
        precondition(ring[position].entry >= 0 && Int(ring[position].subscriptionsCount) == count)
        ring[position].entry = -1
        subscriptionsCount -= count
    }
}
