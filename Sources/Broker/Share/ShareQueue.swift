/// Messages of a shared subscription that wait for a member, in order of their numbers.
struct ShareQueue {
    private var items: [SharedMessage?] = []
    /// Items before this one are taken out.
    private var start = 0
    private(set) var heldBytes = 0

    var count: Int { items.count - start }
    var isEmpty: Bool { count == 0 }
    var first: SharedMessage? { isEmpty ? nil : items[start] }

    var messages: [SharedMessage] { items[start...].compactMap { $0 } }

    /// - Parameter shared: mostly a message newer than all that wait.
    mutating func insert(_ shared: SharedMessage) {
        guard items.last.map({ $0!.number < shared.number }) ?? true else {
            putBack([shared])
            return
        }
        items.append(shared)
        heldBytes += shared.heldBytes
    }

    mutating func popFirst() -> SharedMessage? {
        guard !isEmpty, let shared = items[start] else { return nil }
        items[start] = nil
        start += 1
        heldBytes -= shared.heldBytes
        if start == items.count {
            self = ShareQueue()
        } else if start >= 64, start * 2 > items.count {
            items.removeSubrange(..<start)
            start = 0
        }
        return shared
    }

    /// Puts messages back that had left, each to its place, which mostly is the front.
    mutating func putBack(_ returned: [SharedMessage]) {
        guard let last = returned.map(\.number).max() else { return }
        let isBeforeAll = first.map { last < $0.number } ?? true
        var all = returned.sorted { $0.number < $1.number }
        all.append(contentsOf: messages)
        if !isBeforeAll { all.sort { $0.number < $1.number } }
        items = all
        start = 0
        heldBytes += returned.reduce(0) { $0 + $1.heldBytes }
    }
}
