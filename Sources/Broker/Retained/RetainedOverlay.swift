import Persistence

/// Retained messages on their way to the database, and those that arrived there too late for a read that is still under way. With what such
/// a read finds, it makes the newest value of every topic.
///
/// A value goes `waiting` → `writing` → `kept` → gone. Commits are counted; a read that began after commit n sees all values of the
/// commits up to n, so those of later ones are kept until it ends.
struct RetainedOverlay {
    struct Limits {
        /// Of what waits or is written, as of the log's queue.
        var topicsMax = 65_536
        var bytesMax = 64 << 20
        /// Of what is kept for reads; those that would need more are spoiled, and have to be repeated.
        var keptBytesMax = 16 << 20
        /// What one statement writes.
        var batchTopicsMax = 1_024
        var batchBytesMax = 4 << 20
    }

    /// Who waits for a commit.
    struct Origin: Equatable {
        var shard: Int
        var token: UInt64
    }

    /// A message with its number among all puts, and the shard that put it.
    struct Put: Equatable {
        var message: RetainedMessage
        var number: UInt64
        var shard: Int
    }

    private struct Value {
        var put: Put
        var origins: [Origin] = []

        var message: RetainedMessage { put.message }

        var bytes: Int { message.topic.count + message.payload.count + message.properties.count + 256 }
    }

    private let limits: Limits
    private var waiting: [[UInt8]: Value] = [:]
    /// The topics in `waiting` in the order of their first puts, with the number of that put; those before `orderStart` are taken out.
    private var order: [(topic: [UInt8], number: UInt64)] = []
    private var orderStart = 0
    private var writing: [[UInt8]: Value] = [:]
    /// Of `waiting` and `writing`.
    private var bytes = 0
    private var putCount: UInt64 = 0

    private var kept: [[UInt8]: (put: Put, commit: UInt64)] = [:]
    private var keptOrder: [(commit: UInt64, topics: [[UInt8]], bytes: Int)] = []
    private var keptBytes = 0
    private var commitCount: UInt64 = 0
    private var reads = ReadCounts()
    /// Reads that began before this commit can't be told what they missed.
    private var spoiledBefore: UInt64 = 0

    init(_ limits: Limits = Limits()) { self.limits = limits }

    var isIdle: Bool { waiting.isEmpty && writing.isEmpty }

    // MARK: Writing

    /// - Parameter token: of who waits for the commit; 0: nobody.
    /// - Returns: false: there is no room.
    mutating func put(_ message: RetainedMessage, shard: Int, token: UInt64) -> Bool {
        var value = Value(put: Put(message: message, number: putCount + 1, shard: shard))
        let old = waiting[message.topic]
        let bytesAfter = bytes + value.bytes - (old?.bytes ?? 0)
        guard bytesAfter <= limits.bytesMax, old != nil || waiting.count + writing.count < limits.topicsMax else {
            return false
        }
        bytes = bytesAfter
        putCount += 1
        // Who waits for the older value gets what it wanted: the topic never again has an older one than its own.
        value.origins = old?.origins ?? []
        if token != 0 { value.origins.append(Origin(shard: shard, token: token)) }
        waiting[message.topic] = value
        if old == nil { order.append((message.topic, putCount)) }
        return true
    }

    /// The last put before the first that still waits or is written.
    var settledCount: UInt64 {
        precondition(writing.isEmpty, "asked after a batch")
        return orderStart < order.count ? order[orderStart].number - 1 : putCount
    }

    /// Of the last put.
    var lastPut: UInt64 { putCount }

    /// The next batch, in the order of the topics' first puts; empty: nothing waits.
    mutating func takeBatch() -> [RetainedMessage] {
        precondition(writing.isEmpty, "one batch at a time")
        var batch: [RetainedMessage] = []
        var batchBytes = 0
        while orderStart < order.count, batch.count < limits.batchTopicsMax, batchBytes < limits.batchBytesMax {
            let topic = order[orderStart].topic
            orderStart += 1
            guard let value = waiting.removeValue(forKey: topic) else { preconditionFailure("ordered, so it waits") }
            writing[topic] = value
            batch.append(value.message)
            batchBytes += value.bytes
        }
        if orderStart == order.count {
            order.removeAll(keepingCapacity: orderStart <= 4_096)
            orderStart = 0
        } else if orderStart >= 4_096, orderStart * 2 > order.count {
            order.removeSubrange(..<orderStart)
            orderStart = 0
        }
        return batch
    }

    /// The batch is committed, or given up: then its values are forgotten.
    /// - Returns: who waited for it.
    mutating func endBatch(isCommitted: Bool) -> [Origin] {
        let ended = writing
        writing = [:]
        let endedBytes = ended.values.reduce(0) { $0 + $1.bytes }
        bytes -= endedBytes
        if isCommitted {
            commitCount += 1
            if !reads.isEmpty {
                for (topic, value) in ended { kept[topic] = (value.put, commitCount) }
                keptOrder.append((commitCount, Array(ended.keys), endedBytes))
                keptBytes += endedBytes
                forgetKept()
            }
        }
        return ended.values.flatMap(\.origins)
    }

    /// Takes out who waits, while the values go on waiting.
    mutating func takeOrigins() -> [Origin] {
        var origins: [Origin] = []
        for (topic, value) in writing where !value.origins.isEmpty {
            origins += value.origins
            writing[topic]?.origins = []
        }
        for (topic, value) in waiting where !value.origins.isEmpty {
            origins += value.origins
            waiting[topic]?.origins = []
        }
        return origins
    }

    // MARK: Reading

    /// - Returns: what `newest` and `endRead` ask for.
    mutating func beginRead() -> UInt64 {
        reads.begin(commitCount)
        return commitCount
    }

    mutating func endRead(_ start: UInt64) {
        reads.end(start)
        forgetKept()
    }

    /// What of these topics is newer than what the read found, or as new; nil: that is no longer known.
    func newest(of topics: some Sequence<[UInt8]>, readSince start: UInt64) -> [Put]? {
        guard start >= spoiledBefore else { return nil }
        return topics.compactMap { waiting[$0]?.put ?? writing[$0]?.put ?? kept[$0]?.put }
    }

    /// Lets go of what every read has seen, and of the oldest if it is too much.
    private mutating func forgetKept() {
        let oldest = reads.oldest ?? .max
        var gone = 0
        while gone < keptOrder.count {
            let batch = keptOrder[gone]
            if batch.commit > oldest {
                guard keptBytes > limits.keptBytesMax else { break }
                spoiledBefore = batch.commit
            }
            for topic in batch.topics where kept[topic]?.commit == batch.commit { kept[topic] = nil }
            keptBytes -= batch.bytes
            gone += 1
        }
        keptOrder.removeFirst(gone)
    }
}

/// How many reads under way began after each commit. Of a client that takes its time there can be one for hours, and thousands after it.
private struct ReadCounts {
    /// Ascending.
    private var counts: [(start: UInt64, count: Int)] = []
    /// The first with a count above 0.
    private var first = 0
    private var emptyCount = 0

    var isEmpty: Bool { first == counts.count }
    var oldest: UInt64? { isEmpty ? nil : counts[first].start }

    mutating func begin(_ start: UInt64) {
        if let last = counts.last, last.start == start {
            if last.count == 0 {
                emptyCount -= 1
                first = min(first, counts.count - 1)
            }
            counts[counts.count - 1].count += 1
        } else {
            counts.append((start, 1))
        }
    }

    mutating func end(_ start: UInt64) {
        var low = first
        var high = counts.count
        while low < high {
            let middle = (low + high) / 2
            if counts[middle].start < start { low = middle + 1 } else { high = middle }
        }
        precondition(low < counts.count && counts[low].start == start && counts[low].count > 0, "a read ends once")
        counts[low].count -= 1
        guard counts[low].count == 0 else { return }
        emptyCount += 1
        while first < counts.count, counts[first].count == 0 { first += 1 }
        guard emptyCount >= 64, emptyCount * 2 > counts.count else { return }
        counts.removeAll { $0.count == 0 }
        first = 0
        emptyCount = 0
    }
}
