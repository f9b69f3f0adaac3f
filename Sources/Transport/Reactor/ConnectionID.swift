/// A connection of one reactor: a slot in its table and the slot's generation, so that an id that outlives its connection is
/// recognised and never means the next one in the same slot.
package struct ConnectionID: Hashable, Sendable {
    package var slot: Int32
    package var generation: UInt32

    package init(slot: Int32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    /// As one integer, to pass through other modules as a token.
    package var token: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: slot)) }

    package init(token: UInt64) {
        self.init(slot: Int32(bitPattern: UInt32(truncatingIfNeeded: token)), generation: UInt32(token >> 32))
    }
}
