/// Open addressing from a hash to the number of an entry; the caller keeps the entries and compares the keys.
///
/// Linear probing over 8-byte slots (32 bits of the hash, 32 bits of entry number), at most three quarters full.
/// Removal shifts the followers back, so there are no tombstones, and a table that sees many come and go stays as fast
/// as a new one.
struct SlotTable {
    private struct Slot {
        var tag: UInt32
        var entry: Int32
    }

    private static let free: Int32 = -1
    private var slots = [Slot](repeating: Slot(tag: 0, entry: free), count: 16)
    private(set) var count = 0
    private var mask: Int { slots.count - 1 }

    /// Steps through the entries whose tag fits; -1: there are no more. `probe` starts at `start(hash)`.
    @inline(__always)
    func next(_ probe: inout Int, _ hash: UInt64) -> Int32 {
        let tag = Self.tag(hash)
        while true {
            let slot = slots[probe]
            probe = (probe + 1) & mask
            if slot.entry == Self.free || slot.tag == tag { return slot.entry }
        }
    }

    @inline(__always)
    func start(_ hash: UInt64) -> Int { Int(Self.tag(hash)) & mask }

    mutating func insert(_ entry: Int32, _ hash: UInt64) {
        precondition(entry >= 0)
        if (count + 1) * 4 > slots.count * 3 { grow() }
        place(Slot(tag: Self.tag(hash), entry: entry))
        count += 1
    }

    mutating func remove(_ entry: Int32, _ hash: UInt64) {
        var hole = start(hash)
        while slots[hole].entry != entry {
            precondition(slots[hole].entry != Self.free, "the entry is not in the table")
            hole = (hole + 1) & mask
        }
        count -= 1
        var probe = hole
        while true {
            probe = (probe + 1) & mask
            let slot = slots[probe]
            if slot.entry == Self.free { break }
            // A slot may move into the hole if the hole lies between its home and itself.
            let home = Int(slot.tag) & mask
            if (probe - home) & mask >= (probe - hole) & mask {
                slots[hole] = slot
                hole = probe
            }
        }
        slots[hole].entry = Self.free
    }

    private static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash) }

    private mutating func place(_ slot: Slot) {
        var probe = Int(slot.tag) & mask
        while slots[probe].entry != Self.free { probe = (probe + 1) & mask }
        slots[probe] = slot
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(tag: 0, entry: Self.free), count: old.count * 2)
        for slot in old where slot.entry != Self.free { place(slot) }
    }
}
