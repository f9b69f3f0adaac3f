import MQTT

/// The PUBACKs and PUBRECs that a publisher is owed, in the order in which its packets came [MQTT-4.6.0-2] [MQTT-4.6.0-3]: one that is ready
/// waits for those before it.
struct PendingAcknowledgements {
    struct Answer {
        var packetID: UInt16
        /// PUBREC instead of PUBACK.
        var isExactlyOnce: Bool
        /// Of a plain topic, whose logs may go.
        var isPlain = false
        /// Of the stored entry; 0: none.
        var seq: Int64 = 0
        var id: Int64 = 0
        var verdict = Verdict.success
    }

    /// Indirect, since answers are copied a lot, and hardly any is a refusal.
    enum Verdict {
        case success
        indirect case refused(Refusal)

        var refusal: Refusal? {
            switch self {
            case .success: nil
            case .refused(let refusal): refusal
            }
        }
    }

    private struct Item {
        var answer: Answer
        /// Outcomes that are still to come; 0: ready.
        var waits: Int
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

    /// - Parameters:
    ///   - answer: as it will be if all goes well.
    ///   - waits: outcomes that the answer waits for.
    ///   - subject: what a client of 3.x is told about if it is refused.
    /// - Returns: the serial number of the packet that waits now.
    mutating func append(_ answer: Answer, waits: Int = 1, subject: RefusedEvent.Subject? = nil) -> UInt32 {
        precondition(waits > 0)
        items.append(Item(answer: answer, waits: waits, subject: subject))
        return (firstSerial &+ UInt32(count - 1)) & 0xFF_FFFF
    }

    /// The answer that waits under a serial number, as far as it is known; nil: none waits.
    func waiting(_ serial: UInt32) -> Answer? {
        guard let index = index(of: serial), items[index].waits > 0 else { return nil }
        return items[index].answer
    }

    /// An answer that waits only for its turn.
    mutating func append(ready answer: Answer) {
        items.append(Item(answer: answer, waits: 0))
    }

    /// One outcome has come. The first refusal stands, whatever else comes.
    mutating func resolve(_ serial: UInt32, _ answer: Answer) {
        guard let index = index(of: serial), items[index].waits > 0 else { return }
        items[index].waits -= 1
        if case .success = items[index].answer.verdict { items[index].answer = answer }
    }

    /// What the client is told about if this is refused.
    func subject(_ serial: UInt32) -> RefusedEvent.Subject? { index(of: serial).flatMap { items[$0].subject } }

    mutating func block() { isBlocked = true }

    mutating func popReady() -> Answer? {
        guard !isEmpty, !isBlocked, items[start].waits == 0 else { return nil }
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
