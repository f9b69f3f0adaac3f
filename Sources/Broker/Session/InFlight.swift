import MQTT

/// PUBLISH packets of QoS 1 and 2 that were sent and whose delivery is not complete, oldest first (MQTT 5 §4.3, §4.4).
///
/// Each has an ordinal, counted up without gaps for as long as the session lives; the packet identifier follows from it. So the ring is
/// looked up by arithmetic, and a session that comes back gives each message its original identifier [MQTT-4.4.0-1]. It holds no
/// memory while it is empty.
struct InFlight: Equatable {
    /// Legal exits: `restored` → `sent`, `done`; `sent` → `released` (QoS 2), `done`; `released` → `done`.
    enum State: UInt8 {
        /// Sent on an earlier connection, not yet on this one.
        case restored
        /// PUBLISH is sent; PUBACK or PUBREC is to come.
        case sent
        /// PUBREC came; PUBCOMP is to come.
        case released
        case done
    }

    struct Item: Equatable {
        /// The cursor of a stored topic, or -1 for a message that is not in a log.
        var cursor: Int32
        var state: State
        var isExactlyOnce: Bool
        var seq: Int64

        var isUnanswered: Bool { state == .sent || state == .restored }
    }

    /// What a PUBREC did.
    enum Receipt {
        /// The message has arrived, or that was known already: PUBREL is due.
        case arrived(isNew: Bool)
        case unknown
    }

    private var ring: [Item] = []
    private var first = 0
    private(set) var count = 0
    /// Of the item at `first`, or of the next one.
    private(set) var firstOrdinal: Int64 = 0
    /// Items that count against the client's receive maximum: sent on this connection, not done [MQTT-3.3.4-9].
    private(set) var outstanding = 0
    /// Items in state `restored`.
    private(set) var restoredCount = 0
    /// Something of an earlier connection is left: entries have to be looked up before they are sent.
    private(set) var mayRepeat = false

    var isEmpty: Bool { count == 0 }
    var isFull: Bool { count >= Limits.inFlightSpanMax }

    /// - Returns: the packet identifier of the new item.
    mutating func append(cursor: Int32, seq: Int64, qos: QoS) -> UInt16 {
        precondition(!isFull, "the caller asks for room first")
        push(Item(cursor: cursor, state: .sent, isExactlyOnce: qos == .exactlyOnce, seq: seq))
        outstanding += 1
        return Self.packetID(firstOrdinal + Int64(count - 1))
    }

    // MARK: Answers of the client

    /// Whether the answer belongs to another exchange than that of the packet with its identifier: PUBREC to QoS 1, PUBCOMP before
    /// PUBREC (MQTT 5 §4.3.2, §4.3.3). What answers nothing that is known is no violation: it may be late.
    func isOutOfPlace(_ answer: PacketType, _ packetID: UInt16) -> Bool {
        guard let index = index(of: packetID) else { return false }
        switch (ring[index].state, answer) {
        case (.sent, .puback): return ring[index].isExactlyOnce
        case (.sent, .pubrec): return !ring[index].isExactlyOnce
        case (.sent, .pubcomp), (.released, .puback): return true
        case (.sent, _), (.released, _), (.restored, _), (.done, _): return false
        }
    }

    /// PUBACK. False: nothing under that identifier waits for it.
    mutating func acknowledge(_ packetID: UInt16) -> Bool {
        guard let index = index(of: packetID), ring[index].state == .sent, !ring[index].isExactlyOnce else {
            return false
        }
        finish(index)
        return true
    }

    /// PUBREC with a success code.
    mutating func receive(_ packetID: UInt16) -> Receipt {
        guard let index = index(of: packetID), ring[index].isExactlyOnce else { return .unknown }
        switch ring[index].state {
        case .sent:
            ring[index].state = .released
            return .arrived(isNew: true)
        case .released: return .arrived(isNew: false)
        case .restored, .done: return .unknown
        }
    }

    /// PUBREC with an error: the client does not want the message, and its identifier is free.
    mutating func reject(_ packetID: UInt16) -> Bool {
        guard let index = index(of: packetID), ring[index].isExactlyOnce, ring[index].state == .sent else {
            return false
        }
        finish(index)
        return true
    }

    /// PUBCOMP. False: nothing under that identifier waits for it.
    mutating func complete(_ packetID: UInt16) -> Bool {
        guard let index = index(of: packetID), ring[index].state == .released else { return false }
        finish(index)
        return true
    }

    /// Takes out the oldest item if it is done.
    mutating func popDone() -> Item? {
        guard count > 0, ring[first].state == .done else { return nil }
        let item = ring[first]
        first = (first + 1) & (ring.count - 1)
        count -= 1
        firstOrdinal += 1
        if count == 0 {
            ring = []
            first = 0
            mayRepeat = false
        }
        return item
    }

    /// The cursor that items belonged to is gone. What was not sent on this connection is not sent any more; an open exchange is completed.
    mutating func detach(cursor: Int32) {
        for offset in 0..<count {
            let index = (first + offset) & (ring.count - 1)
            guard ring[index].cursor == cursor else { continue }
            ring[index].cursor = -1
            if ring[index].state == .restored { finish(index) }
        }
    }

    // MARK: Sessions that come back

    /// Puts back what a stored session has in flight; `ordinal` ascends, and what is missing in between is done.
    mutating func restore(ordinal: Int64, _ item: Item) {
        precondition(item.state != .sent)
        if count == 0 { firstOrdinal = ordinal }
        precondition(ordinal >= firstOrdinal + Int64(count), "ordinals ascend")
        let done = Item(cursor: -1, state: .done, isExactlyOnce: false, seq: 0)
        while firstOrdinal + Int64(count) < ordinal { push(done) }
        push(item)
        if item.state == .restored { restoredCount += 1 }
        if item.state == .released { outstanding += 1 }
        mayRepeat = true
    }

    /// The next item of a session that has nothing in flight will have this ordinal.
    mutating func `continue`(at ordinal: Int64) {
        let done = Item(cursor: -1, state: .done, isExactlyOnce: false, seq: 0)
        if count == 0 { firstOrdinal = ordinal }
        while firstOrdinal + Int64(count) < ordinal { push(done) }
    }

    /// Whether entries of a cursor are to be sent again.
    func hasRestored(cursor: Int32, upTo seq: Int64 = .max) -> Bool {
        guard restoredCount > 0 else { return false }
        for offset in 0..<count {
            let item = ring[(first + offset) & (ring.count - 1)]
            if item.state == .restored, item.cursor == cursor, item.seq <= seq { return true }
        }
        return false
    }

    /// An entry that was in flight when the last connection ended.
    enum Repetition {
        /// It was not.
        case none
        /// To be sent again under this identifier, at this QoS, with DUP.
        case due(UInt16, QoS)
        /// The client has it.
        case arrived
    }

    /// Asked before an entry is sent: whether it was sent before.
    mutating func repeats(cursor: Int32, seq: Int64) -> Repetition {
        for offset in 0..<count {
            let index = (first + offset) & (ring.count - 1)
            guard ring[index].cursor == cursor, ring[index].seq == seq else { continue }
            guard ring[index].state == .restored else { return .arrived }
            ring[index].state = .sent
            restoredCount -= 1
            outstanding += 1
            return .due(
                Self.packetID(firstOrdinal + Int64(offset)), ring[index].isExactlyOnce ? .exactlyOnce : .atLeastOnce)
        }
        return .none
    }

    /// What an earlier connection had in flight of entries up to `seq`, which are no longer there, leaves the cursor: it must not come to
    /// stand behind entries that the client may never have got.
    /// - Returns: how many items.
    mutating func abandon(cursor: Int32, upTo seq: Int64) -> Int32 {
        var abandoned: Int32 = 0
        for offset in 0..<count {
            let index = (first + offset) & (ring.count - 1)
            guard ring[index].state != .sent, ring[index].cursor == cursor, ring[index].seq <= seq else { continue }
            ring[index].cursor = -1
            if ring[index].state == .restored { finish(index) }
            abandoned += 1
        }
        return abandoned
    }

    /// The oldest item of a cursor that is to be sent again.
    func firstRestored(cursor: Int32) -> Int64? {
        guard restoredCount > 0 else { return nil }
        for offset in 0..<count {
            let item = ring[(first + offset) & (ring.count - 1)]
            if item.state == .restored, item.cursor == cursor { return firstOrdinal + Int64(offset) }
        }
        return nil
    }

    /// A restored item is sent again.
    mutating func resend(_ ordinal: Int64) {
        let index = index(ofOrdinal: ordinal)
        precondition(ring[index].state == .restored)
        ring[index].state = .sent
        restoredCount -= 1
        outstanding += 1
    }

    /// An item that was to be sent again is not.
    mutating func withdraw(_ packetID: UInt16) {
        guard let index = index(of: packetID), ring[index].state == .sent else {
            preconditionFailure("only what is due is withdrawn")
        }
        finish(index)
    }

    /// Gives a restored item up.
    mutating func forget(_ ordinal: Int64) {
        let index = index(ofOrdinal: ordinal)
        precondition(ring[index].state == .restored)
        finish(index)
    }

    /// Items of a cursor that were sent, on this connection or an earlier one, and wait for PUBACK or PUBREC.
    func unanswered(cursor: Int32) -> [(ordinal: Int64, seq: Int64)] {
        var items: [(ordinal: Int64, seq: Int64)] = []
        forEach { ordinal, item in
            if item.isUnanswered, item.cursor == cursor { items.append((ordinal, item.seq)) }
        }
        return items
    }

    /// nil: it no longer waits for PUBACK or PUBREC.
    func qosOfUnanswered(_ ordinal: Int64) -> QoS? {
        guard ordinal >= firstOrdinal, ordinal < nextOrdinal else { return nil }
        let item = ring[index(ofOrdinal: ordinal)]
        return item.isUnanswered ? (item.isExactlyOnce ? .exactlyOnce : .atLeastOnce) : nil
    }

    /// Gives up what was not sent again and is in no log up to its end.
    /// - Parameter ends: of the logs behind the cursors.
    /// - Returns: whether there was something.
    mutating func forgetRestored(upTo ends: [Int64]) -> Bool {
        let before = restoredCount
        for offset in 0..<count {
            let index = (first + offset) & (ring.count - 1)
            guard ring[index].state == .restored else { continue }
            if ring[index].cursor < 0 || ring[index].seq <= ends[Int(ring[index].cursor)] { finish(index) }
        }
        return restoredCount < before
    }

    /// Of the next item.
    var nextPacketID: UInt16 { Self.packetID(nextOrdinal) }

    /// Of the item after the last one.
    var nextOrdinal: Int64 { firstOrdinal + Int64(count) }

    /// All items with their ordinals, ascending.
    func forEach(_ body: (_ ordinal: Int64, _ item: Item) -> Void) {
        for offset in 0..<count { body(firstOrdinal + Int64(offset), ring[(first + offset) & (ring.count - 1)]) }
    }

    /// 1 to 65,535.
    static func packetID(_ ordinal: Int64) -> UInt16 { UInt16(ordinal % 65_535 + 1) }

    // MARK: Ring

    private mutating func finish(_ index: Int) {
        if ring[index].state == .restored { restoredCount -= 1 } else { outstanding -= 1 }
        ring[index].state = .done
    }

    private func index(of packetID: UInt16) -> Int? {
        guard packetID != 0 else { return nil }
        let distance = (Int(packetID) - Int(Self.packetID(firstOrdinal)) + 65_535) % 65_535
        return distance < count ? (first + distance) & (ring.count - 1) : nil
    }

    private func index(ofOrdinal ordinal: Int64) -> Int {
        precondition(ordinal >= firstOrdinal && ordinal < nextOrdinal)
        return (first + Int(ordinal - firstOrdinal)) & (ring.count - 1)
    }

    private mutating func push(_ item: Item) {
        if count == ring.count { grow() }
        ring[(first + count) & (ring.count - 1)] = item
        count += 1
    }

    private mutating func grow() {
        let size = max(8, ring.count * 2)
        var larger: [Item] = []
        larger.reserveCapacity(size)
        for offset in 0..<count { larger.append(ring[(first + offset) & (ring.count - 1)]) }
        let empty = Item(cursor: -1, state: .done, isExactlyOnce: false, seq: 0)
        larger.append(contentsOf: repeatElement(empty, count: size - count))
        ring = larger
        first = 0
    }
}
