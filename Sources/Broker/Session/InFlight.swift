/// PUBLISH packets of QoS 1 that were sent and not acknowledged, oldest first. Packet identifiers are given in sequence, so the ring is
/// looked up by arithmetic; it holds no memory while it is empty.
///
/// The window is counted from the oldest: an acknowledgement out of order makes room only when all before it have come too.
struct InFlight {
    struct Item {
        /// The cursor of a stored topic, or -1 for a message of a plain topic.
        var cursor: Int32
        var seq: Int64
        var isAcknowledged = false
    }

    private var ring: [Item] = []
    private var first = 0
    private(set) var count = 0
    /// The identifier of the item at `first`: 1 to 65,535.
    private var firstID: UInt16 = 1

    var isEmpty: Bool { count == 0 }

    /// - Returns: the packet identifier of the new item.
    mutating func append(cursor: Int32, seq: Int64) -> UInt16 {
        precondition(count < Limits.inFlightMax, "the caller asks for room first")
        if count == ring.count { grow() }
        ring[(first + count) & (ring.count - 1)] = Item(cursor: cursor, seq: seq)
        count += 1
        return Self.id(firstID, plus: count - 1)
    }

    /// False: nothing under that identifier waits for an acknowledgement.
    mutating func acknowledge(_ packetID: UInt16) -> Bool {
        guard packetID != 0 else { return false }
        let distance = (Int(packetID) - Int(firstID) + 65_535) % 65_535
        guard distance < count else { return false }
        let index = (first + distance) & (ring.count - 1)
        guard !ring[index].isAcknowledged else { return false }
        ring[index].isAcknowledged = true
        return true
    }

    /// Takes out the oldest item if it is acknowledged.
    mutating func popAcknowledged() -> Item? {
        guard count > 0, ring[first].isAcknowledged else { return nil }
        let item = ring[first]
        first = (first + 1) & (ring.count - 1)
        count -= 1
        firstID = Self.id(firstID, plus: 1)
        if count == 0 {
            ring = []
            first = 0
        }
        return item
    }

    /// Forgets which topic items belonged to: its cursor is gone.
    mutating func detach(cursor: Int32) {
        for offset in 0..<count {
            let index = (first + offset) & (ring.count - 1)
            if ring[index].cursor == cursor { ring[index].cursor = -1 }
        }
    }

    private static func id(_ id: UInt16, plus distance: Int) -> UInt16 {
        UInt16((Int(id) - 1 + distance) % 65_535 + 1)
    }

    private mutating func grow() {
        var larger: [Item] = []
        larger.reserveCapacity(max(8, ring.count * 2))
        for offset in 0..<count { larger.append(ring[(first + offset) & (ring.count - 1)]) }
        let empty = Item(cursor: -1, seq: 0)
        larger.append(contentsOf: repeatElement(empty, count: max(8, ring.count * 2) - count))
        ring = larger
        first = 0
    }
}
