import Persistence

/// What users have not read, as the broker asks; tests replace it by memory.
package protocol UnreadSource: Sendable {
    func unread(of userID: Int64, limit: Int) async throws(DatabaseError) -> [UnreadConversation]
    func unread(_ pairs: [(userID: Int64, topicID: Int64)]) async throws(DatabaseError) -> [UnreadConversation]
}

extension UnreadStore: UnreadSource {}

/// Which users are to be notified of which conversations, and when: a pair at once, and then no more than once a second, with the newest
/// state. Holds pairs of the last second only.
struct Notices {
    struct Pair: Hashable {
        var userID: Int64
        var topicID: Int64
    }

    /// Whether something came since the pair's last notification.
    private var open: [Pair: Bool] = [:]
    /// Open pairs by the end of their second.
    private var ends: [(pair: Pair, at: Int64)] = []
    /// Whose state is to be asked for.
    private var due: [Pair] = []
    /// Questions are put one after the other, so that an older answer never comes after a newer one.
    var isAsking = false

    var isEmpty: Bool { open.isEmpty }

    /// Something came in a conversation that the user has not open. Beyond the limit it is not told: it is a signal.
    /// - Parameter now: monotonic milliseconds.
    mutating func note(_ pair: Pair, now: Int64) {
        if open[pair] != nil {
            open[pair] = true
        } else if open.count < Limits.noticesMax {
            begin(pair, now: now)
        }
    }

    /// The user is about to be told without being asked about.
    /// - Returns: false if it was told less than a second ago, or will be at once: what is new comes at the end of that second.
    mutating func mayTell(_ pair: Pair, now: Int64) -> Bool {
        guard open[pair] == nil else {
            open[pair] = true
            return false
        }
        open[pair] = false
        ends.append((pair, now + Limits.noticeMilliseconds))
        return true
    }

    /// Seconds that are over: pairs in which something came meanwhile are due again, the others are forgotten.
    mutating func tick(now: Int64) {
        guard let first = ends.first, first.at <= now else { return }
        let over = ends.prefix { $0.at <= now }
        ends.removeFirst(over.count)
        for (pair, _) in over {
            let isChanged = open.removeValue(forKey: pair) == true
            if isChanged { begin(pair, now: now) }
        }
    }

    /// The pairs to ask for now; empty: none, or an answer is still awaited.
    mutating func takeDue() -> [Pair] {
        guard !isAsking, !due.isEmpty else { return [] }
        let taken = Array(due.prefix(Limits.noticesPerReadMax))
        due.removeFirst(taken.count)
        isAsking = true
        return taken
    }

    private mutating func begin(_ pair: Pair, now: Int64) {
        open[pair] = false
        ends.append((pair, now + Limits.noticeMilliseconds))
        due.append(pair)
    }
}
