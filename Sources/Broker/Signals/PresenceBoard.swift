import Synchronization

/// Who is there, over all shards. Any thread may use it.
final class PresenceBoard: Sendable {
    /// A lost connection may be back at once; a DISCONNECT is meant.
    static let graceMilliseconds: Int64 = 10_000

    /// What friends are to be told.
    struct Change: Sendable, Equatable {
        var user: Int64
        var presence: Presence
        var friends: [Int64]
    }

    private struct Entry {
        /// By the serial of the session's claim.
        var connections: [UInt64: Presence.Status] = [:]
        /// When the last connection was lost; nil: there is one.
        var lostAt: Int64?
        /// As of the last event, for the time when nobody is there to ask.
        var friends: [Int64] = []
        var told = Presence.Status.offline

        var best: Presence.Status { connections.values.max() ?? (lostAt == nil ? .offline : told) }
    }

    private let entries = Mutex<[Int64: Entry]>([:])

    /// A connection is there, or says what it is.
    func set(_ status: Presence.Status, of user: Int64, _ connection: UInt64, friends: [Int64], now: Int64) -> Change? {
        entries.withLock { entries in
            var entry = entries[user] ?? Entry()
            entry.connections[connection] = status
            entry.lostAt = nil
            entry.friends = friends
            defer { entries[user] = entry }
            return Self.change(of: user, &entry, now)
        }
    }

    /// A connection is gone.
    /// - Parameter isClean: by DISCONNECT.
    func remove(_ connection: UInt64, of user: Int64, isClean: Bool, friends: [Int64], now: Int64) -> Change? {
        entries.withLock { entries in
            guard var entry = entries[user], entry.connections.removeValue(forKey: connection) != nil else {
                return nil
            }
            entry.friends = friends
            if entry.connections.isEmpty, !isClean { entry.lostAt = now }
            let change = Self.change(of: user, &entry, now)
            entries[user] = entry.connections.isEmpty && entry.lostAt == nil ? nil : entry
            return change
        }
    }

    /// Those whose connection has been lost for too long.
    func expire(now: Int64) -> [Change] {
        entries.withLock { entries in
            let over = entries.filter { $0.value.lostAt.map { now - $0 >= Self.graceMilliseconds } ?? false }
            return over.map { user, entry in
                entries[user] = nil
                return Change(
                    user: user, presence: Presence(status: .offline, lastSeenAt: entry.lostAt), friends: entry.friends)
            }
        }
    }

    /// nil: offline.
    func presence(of user: Int64, now: Int64) -> Presence? {
        entries.withLock { $0[user].map { Presence(status: $0.best, lastSeenAt: $0.lostAt ?? now) } }
    }

    private static func change(of user: Int64, _ entry: inout Entry, _ now: Int64) -> Change? {
        guard entry.best != entry.told else { return nil }
        entry.told = entry.best
        return Change(
            user: user, presence: Presence(status: entry.best, lastSeenAt: now), friends: entry.friends)
    }
}
