/// Coarse deadlines of connections: a ring of buckets. Moving a deadline to a later moment, as every packet does to the keep-alive,
/// touches only the connection; its entry is put forward when its bucket comes up.
struct DeadlineWheel {
    struct Entry {
        var id: ConnectionID
        /// Milliseconds; an entry whose moment is not its connection's `scheduledAt` has been replaced.
        var moment: Int64
    }

    static let bucketMilliseconds: Int64 = 250
    /// A horizon of 64 s; what lies beyond waits in the last bucket and is put forward again.
    private static let bucketCount: Int64 = 256

    private var buckets = [[Entry]](repeating: [], count: Int(bucketCount))
    private var position: Int64

    init(now: Int64) {
        position = now / Self.bucketMilliseconds
    }

    /// When the bucket of this moment comes up: waking then, nobody waits longer than the buckets are wide.
    static func bucketEnd(after now: Int64) -> Int64 { (now / bucketMilliseconds + 1) * bucketMilliseconds }

    /// - Returns: the moment at which the entry comes up, at most the horizon away.
    mutating func insert(_ id: ConnectionID, deadline: Int64) -> Int64 {
        // Rounded up, so that an entry never comes up before its deadline.
        let wanted = deadline / Self.bucketMilliseconds + (deadline % Self.bucketMilliseconds > 0 ? 1 : 0)
        let bucket = min(max(wanted, position + 1), position + Self.bucketCount - 1)
        let moment = bucket * Self.bucketMilliseconds
        buckets[Int(bucket % Self.bucketCount)].append(Entry(id: id, moment: moment))
        return moment
    }

    /// Takes out the entries whose moment has come.
    mutating func advance(to now: Int64) -> [Entry] {
        var due: [Entry] = []
        let end = now / Self.bucketMilliseconds
        while position < end {
            position += 1
            let index = Int(position % Self.bucketCount)
            if !buckets[index].isEmpty {
                due.append(contentsOf: buckets[index])
                buckets[index].removeAll(keepingCapacity: true)
            }
        }
        return due
    }
}
