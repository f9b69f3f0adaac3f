/// What a writer has taken from its queue and not yet put into a batch.
struct Backlog {
    struct Batch {
        var content: PublishBatch
        var origins: [AppendOrigin]
    }

    private var content = AppendQueue.Content()
    /// What lies before it is taken.
    private var start = 0
    /// So many, from `start` on, are batches of their own.
    private var singles = 0

    var isEmpty: Bool { start == content.appends.count }

    /// What is there, in the queue too.
    func count(with queue: AppendQueue) -> Int { content.appends.count - start + queue.count }

    /// Nil: nothing is there.
    mutating func next(from queue: AppendQueue, _ limits: LogWriter.Limits) -> Batch? {
        if isEmpty { refill(from: queue) }
        var end = start
        var bytes = 0
        let entriesMax = singles > 0 ? 1 : limits.batchEntriesMax
        singles = max(0, singles - 1)
        while end < content.appends.count, end - start < entriesMax, bytes < limits.batchBytesMax {
            bytes += content.appends[end].suffix.count
            end += 1
        }
        guard end > start else { return nil }
        // All of it, mostly: then nothing is copied.
        if start == 0, end == content.appends.count {
            let all = content
            content = AppendQueue.Content()
            return Batch(content: PublishBatch(all.appends), origins: all.origins)
        }
        defer { start = end }
        return Batch(
            content: PublishBatch(Array(content.appends[start..<end])), origins: Array(content.origins[start..<end]))
    }

    /// Puts a batch back, to be taken again before all else, one entry after the other.
    mutating func putBack(_ appends: [Append], _ origins: [AppendOrigin]) {
        precondition(singles == 0 && appends.count == origins.count)
        content.appends.replaceSubrange(..<start, with: appends)
        content.origins.replaceSubrange(..<start, with: origins)
        start = 0
        singles = appends.count
    }

    /// Takes out what is left, or what has come meanwhile, to be reported as unavailable. Nil: nothing is there.
    mutating func drop(from queue: AppendQueue) -> BatchResult? {
        if isEmpty { refill(from: queue) }
        guard start < content.appends.count else { return nil }
        singles = 0
        defer { start = content.appends.count }
        let origins = Array(content.origins[start...])
        return BatchResult(
            outcomes: origins.map { _ in .unavailable }, origins: origins,
            released: AppendBudget.Share(content.appends[start...]))
    }

    private mutating func refill(from queue: AppendQueue) {
        content.appends.removeAll(keepingCapacity: true)
        content.origins.removeAll(keepingCapacity: true)
        start = 0
        queue.take(&content)
    }
}
