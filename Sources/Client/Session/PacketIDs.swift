/// The packet identifiers of what a client has under way (MQTT 5 §2.2.1).
struct PacketIDs {
    private var used: Set<UInt16> = []
    private var last: UInt16 = 0

    /// nil: all are in use.
    mutating func take() -> UInt16? {
        guard used.count < Int(UInt16.max) else { return nil }
        repeat { last = last == .max ? 1 : last + 1 } while used.contains(last)
        used.insert(last)
        return last
    }

    mutating func free(_ id: UInt16) {
        let removed = used.remove(id)
        precondition(removed != nil, "only what was taken is freed")
    }
}
