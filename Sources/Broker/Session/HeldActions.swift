/// What a persistent session may do only when its state is saved, in order: else a crash could make it do so twice, or do something
/// else under the same packet identifier.
struct HeldActions {
    enum Action {
        /// A packet to the client.
        case write([UInt8])
        /// An encoded PUBLISH to the client, whose identifier belongs at that offset.
        case deliver([UInt8], packetID: UInt16, offset: Int)
        /// SUBACK, and what follows it.
        case answer(SubscribeAnswer)
        /// A PUBLISH of the client, as it came; `isAnswered`: it is to get PUBACK or PUBREC.
        case publish([UInt8], isAnswered: Bool)
    }

    private struct Item {
        /// Of the state that has to be saved first.
        var revision: UInt32
        var action: Action
    }

    private var items: [Item] = []
    private(set) var publishesCount = 0
    /// Held PUBLISH packets that will be answered.
    private(set) var answersCount = 0
    /// Of the held PUBLISH packets.
    private(set) var publishBytes = 0
    private(set) var subscribeAnswersCount = 0

    var isEmpty: Bool { items.isEmpty }

    mutating func append(_ action: Action, revision: UInt32) {
        items.append(Item(revision: revision, action: action))
        count(action, by: 1)
    }

    /// Takes out, in order, what had to wait for that revision.
    mutating func take(savedRevision: UInt32) -> [Action] {
        // Revisions wrap around; no session has 2^31 changes on the way.
        let end = items.firstIndex { Int32(bitPattern: $0.revision &- savedRevision) > 0 } ?? items.count
        let taken = items[..<end].map(\.action)
        items.removeFirst(end)
        for action in taken { count(action, by: -1) }
        return taken
    }

    private mutating func count(_ action: Action, by step: Int) {
        switch action {
        case .write, .deliver: break
        case .answer: subscribeAnswersCount += step
        case .publish(let bytes, let isAnswered):
            publishesCount += step
            publishBytes += step * bytes.count
            if isAnswered { answersCount += step }
        }
    }
}
