import Topics

@testable import Persistence

// The logs, by the rules of `confab_publish` and `confab_publish_careful`.
extension Tables {
    static let missingTopic = DatabaseError.refused(code: "P0002", constraint: "", message: "unknown topic")
    static let duplicate = DatabaseError.refused(code: "23505", constraint: "messages_key", message: "duplicate key")

    /// All of the batch, or nothing.
    /// - Returns: the seq of each append.
    mutating func publish(_ batch: PublishBatch) throws(DatabaseError) -> [Int64] {
        let appends = batch.appends
        guard appends.allSatisfy({ logs[$0.topic.id] != nil }) else { throw Self.missingTopic }
        var keys: [Int64: Set<Key>] = [:]
        for append in appends {
            let isNew = keys[append.topic.id, default: []].insert(key(of: append)).inserted
            guard isNew, logs[append.topic.id]!.seqs[key(of: append)] == nil else { throw Self.duplicate }
        }
        var seqs = [Int64](repeating: 0, count: appends.count)
        for index in batch.indexesByTopic { seqs[index] = add(appends[index]).seq }
        return seqs
    }

    /// Those that are not there yet.
    mutating func publishCarefully(_ batch: PublishBatch) -> [PublishBatch.CarefulResult] {
        var results = [PublishBatch.CarefulResult](
            repeating: PublishBatch.CarefulResult(seq: 0, id: 0, state: .topicMissing), count: batch.appends.count)
        for index in batch.indexesByTopic {
            let append = batch.appends[index]
            guard let log = logs[append.topic.id] else { continue }
            guard let seq = log.seqs[key(of: append)] else {
                let entry = add(append)
                results[index] = PublishBatch.CarefulResult(seq: entry.seq, id: entry.id, state: .appended)
                continue
            }
            guard let entry = log.entry(seq) else { preconditionFailure("a key without its entry") }
            let isSame = entry.kind == append.kind && entry.suffix == append.suffix
            results[index] = PublishBatch.CarefulResult(seq: seq, id: entry.id, state: isSame ? .same : .other)
        }
        return results
    }

    private func key(of append: Append) -> Key { Key(sender: append.senderID, key: append.key) }

    /// Of an entry of a plain topic, which has no reference of its client's.
    private func key(of entry: LogEntry) -> Key {
        Key(sender: entry.senderID, key: IdempotencyKey(entryID: entry.id))
    }

    private mutating func add(_ append: Append) -> LogEntry {
        let seq = logs[append.topic.id]!.lastSeq + 1
        let entry = LogEntry(append, seq: seq)
        logs[append.topic.id]!.lastSeq = seq
        logs[append.topic.id]!.entries.append(entry)
        logs[append.topic.id]!.seqs[key(of: append)] = seq
        return entry
    }

    /// What a reader gets: what an entry means for rights is not stored.
    func read(_ reads: [LogRead]) -> [[LogEntry]] {
        reads.map { read in
            guard let log = logs[read.topic.id] else { return [] }
            return log.entries[log.index(after: read.seq)...].prefix(read.limit).map { entry in
                var entry = entry
                entry.change = nil
                return entry
            }
        }
    }

    /// Deletes what all sessions with a filter have read, up to what a publisher may send again (`FilterLogStore.purgeEntries`).
    /// - Returns: how many entries.
    mutating func purge() -> Int {
        var count = 0
        let open = entriesOfExchanges
        for (filter, row) in filterLogs {
            guard let log = logs[row.topicID] else { continue }
            let held = log.entries.first { open.contains($0.id) }?.seq ?? .max
            let goneCount = log.index(after: min(neededAfter(log, filter), held - 1))
            for entry in log.entries[..<goneCount] { logs[row.topicID]!.seqs[key(of: entry)] = nil }
            logs[row.topicID]!.entries.removeFirst(goneCount)
            count += goneCount
        }
        return count
    }

    private var entriesOfExchanges: Set<Int64> {
        var entries: Set<Int64> = []
        for session in sessions.values {
            let state = SessionStateCodec.decode(cursors: [], outbound: [], inbound: session.state.inbound, packets: [])
            for exchange in state?.exchanges ?? [] { entries.insert(exchange.entryID) }
        }
        return entries
    }

    private func neededAfter(_ log: Log, _ filter: [UInt8]) -> Int64 {
        var lowest = log.lastSeq
        for session in sessions.values {
            guard let subscription = session.subscriptions[filter], subscription.options & 3 > 0 else { continue }
            let cursor = CursorCodec.decode(session.state.cursors)?.first { $0.topicID == log.topic.id }
            if let place = cursor?.acked ?? subscription.logSeq { lowest = min(lowest, place) }
        }
        return lowest
    }
}
