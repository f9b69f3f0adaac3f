import MQTT

/// The answers that a publisher's QoS 1 packets are owed, in the order in which the packets came [MQTT-4.6.0-2]: one that is ready waits
/// for those before it.
struct PendingAcknowledgements {
    struct Answer {
        var packetID: UInt16
        var reason: ReasonCode = .success
        /// Of the stored entry; 0: none.
        var seq: Int64 = 0
        var id: Int64 = 0
        /// The problem's name; empty: none.
        var problem = ""
        /// What exactly is wrong, for people.
        var detail = ""
    }

    private struct Item {
        var answer: Answer
        var isReady: Bool
        var subject: RefusedEvent.Subject?
    }

    /// Tells stale outcomes of an earlier session in the same slot; 24 bits of it travel in the token.
    private(set) var firstSerial: UInt32
    /// 3.1.1 cannot say no: a publish that may succeed later gets no answer, and neither does what came after it.
    private(set) var isBlocked = false
    private var items: [Item] = []
    /// Items before this one are taken out.
    private var start = 0

    /// - Parameter firstSerial: for tests of its wrap-around.
    init(firstSerial: UInt32 = 0) { self.firstSerial = firstSerial & 0xFF_FFFF }

    var count: Int { items.count - start }
    var isEmpty: Bool { count == 0 }

    /// - Parameter subject: what a client of 3.x is told about if it is refused.
    /// - Returns: the serial number of the packet that waits now.
    mutating func append(packetID: UInt16, subject: RefusedEvent.Subject?) -> UInt32 {
        items.append(Item(answer: Answer(packetID: packetID), isReady: false, subject: subject))
        return (firstSerial &+ UInt32(count - 1)) & 0xFF_FFFF
    }

    /// What waits under a serial number; nil: nothing.
    func waiting(_ serial: UInt32) -> (packetID: UInt16, subject: RefusedEvent.Subject?)? {
        index(of: serial).map { (items[$0].answer.packetID, items[$0].subject) }
    }

    /// An answer that waits only for its turn.
    mutating func append(ready answer: Answer) {
        items.append(Item(answer: answer, isReady: true))
    }

    mutating func resolve(_ serial: UInt32, _ answer: Answer) {
        guard let index = index(of: serial) else { return }
        items[index] = Item(answer: answer, isReady: true)
    }

    mutating func block() { isBlocked = true }

    mutating func popReady() -> Answer? {
        guard !isEmpty, !isBlocked, items[start].isReady else { return nil }
        let answer = items[start].answer
        start += 1
        firstSerial = (firstSerial &+ 1) & 0xFF_FFFF
        if start == items.count {
            items = []
            start = 0
        } else if start >= 64, start * 2 > items.count {
            items.removeSubrange(..<start)
            start = 0
        }
        return answer
    }

    private func index(of serial: UInt32) -> Int? {
        let distance = Int((serial &- firstSerial) & 0xFF_FFFF)
        return distance < count ? start + distance : nil
    }
}
