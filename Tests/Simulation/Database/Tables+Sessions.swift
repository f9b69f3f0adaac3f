import Topics

@testable import Persistence

// Sessions, the logs of filters, and wills, as `SessionStore`, `FilterLogStore` and `WillStore` keep them.
extension Tables {
    private func session(_ user: Int64, _ clientID: [UInt8]) -> Int64? {
        sessions.values.first { $0.user == user && $0.clientID == clientID }?.id
    }

    mutating func loadSession(user: Int64, clientID: [UInt8]) -> StoredSession? {
        guard let id = session(user, clientID), let row = sessions[id] else { return nil }
        sessions[id]!.isConnected = true
        let packed = row.state
        let state = SessionStateCodec.decode(
            cursors: packed.cursors, outbound: packed.outbound, inbound: packed.inbound, packets: packed.packets)
        guard let state else { preconditionFailure("the state of a session is damaged") }
        var stored = StoredSession(id: id, state: state)
        for filter in row.subscriptions.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            var subscription = row.subscriptions[filter]!
            if subscription.options & 3 > 0 { subscription.log = filterLog(filter) }
            if subscription.log == nil { subscription.logSeq = nil }
            stored.subscriptions.append(subscription)
        }
        return stored
    }

    mutating func createSession(id: Int64, user: Int64, clientID: [UInt8]) {
        discardSession(user: user, clientID: clientID)
        sessions[id] = SessionRow(id: id, user: user, clientID: clientID)
    }

    mutating func discardSession(user: Int64, clientID: [UInt8]) {
        if let old = session(user, clientID) { sessions[old] = nil }
    }

    mutating func save(_ subscriptions: [StoredSubscription], of session: Int64) {
        for new in subscriptions {
            var new = new
            if let old = sessions[session]?.subscriptions[new.filter], old.options & 3 > 0 {
                new.logSeq = old.logSeq ?? new.logSeq
            }
            sessions[session]?.subscriptions[new.filter] = new
        }
    }

    mutating func save(_ states: [(id: Int64, state: SessionState)]) {
        for (id, state) in states {
            sessions[id]?.state = PackedState(
                cursors: CursorCodec.encode(state.cursors), outbound: SessionStateCodec.encodeOutbound(state),
                inbound: SessionStateCodec.encodeInbound(state), packets: SessionStateCodec.encodePackets(state))
        }
    }

    // MARK: Logs of filters

    func filterLog(_ filter: [UInt8]) -> FilterLog? {
        filterLogs[filter].map { row in
            FilterLog(
                topicID: row.topicID, filter: filter, lastSeq: logs[row.topicID]!.lastSeq,
                consumption: row.consumption)
        }
    }

    mutating func makeFilterLogs(_ filters: [[UInt8]], ids: [Int64]) -> [FilterLog] {
        for (filter, id) in zip(filters, ids) where filterLogs[filter] == nil {
            addLog(StoredTopic(id: id, address: .filterLog(id)))
            filterLogs[filter] = FilterRow(topicID: id)
        }
        return filters.compactMap(filterLog)
    }

    /// As a hub reads them when it starts.
    func allFilterLogs() -> [FilterLog] {
        filterLogs.keys.compactMap(filterLog).sorted { $0.topicID < $1.topicID }
    }

    // MARK: Wills

    mutating func connectWill(
        user: Int64, clientID: [UInt8], continuesSession: Bool, will: StoredWill?, now: Int64
    ) -> Bool {
        func isLeft(_ row: WillRow) -> Bool {
            row.will.userID == user && row.will.clientID == clientID && row.dueAt ?? .max > now
        }
        defer { if let will { wills.append(WillRow(will: will)) } }
        if continuesSession {
            wills.removeAll(where: isLeft)
            return false
        }
        let left = wills.indices.filter { isLeft(wills[$0]) }
        for index in left { wills[index].dueAt = now }
        return !left.isEmpty
    }

    mutating func record(_ changes: WillChanges) {
        for due in changes.due {
            for index in wills.indices where wills[index].will.id == due.id { wills[index].dueAt = due.at }
        }
        wills.removeAll { changes.gone.contains($0.will.id) }
    }

    func dueWills(at now: Int64, except: [Int64], limit: Int) -> [StoredWill] {
        let due = wills.filter { $0.dueAt ?? .max <= now && !except.contains($0.will.id) }
        return Array(due.sorted { ($0.dueAt!, $0.will.id) < ($1.dueAt!, $1.will.id) }.map(\.will).prefix(limit))
    }

    mutating func setEntries(_ entries: [(id: Int64, entryID: Int64)]) {
        for entry in entries {
            for index in wills.indices where wills[index].will.id == entry.id {
                wills[index].will.entryID = entry.entryID
            }
        }
    }

    /// A hub starts: the one before has ended without a word.
    mutating func endConnections(now: Int64) {
        for index in wills.indices where wills[index].dueAt == nil {
            let will = wills[index].will
            wills[index].dueAt = now + 1000 * min(will.delaySeconds, will.sessionSeconds)
        }
    }
}
