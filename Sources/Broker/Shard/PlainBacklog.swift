import Synchronization

/// How much of plain topics was posted to a shard and is not handled there yet. To hand a message over takes less than 1 µs, to deliver it up to
/// 0.2 µs for each subscriber, and TCP slows nobody down whose subscribers are on another thread: so who publishes more than the shard can
/// take waits until it has room again. Used on all threads.
final class PlainBacklog: Sendable {
    /// A shard that waits is told when there is so little left that the other one does not run dry meanwhile.
    private static let roomBytes = Limits.plainBacklogBytesMax / 2

    private let bytes = Atomic<Int>(0)
    /// A bit for each shard that wants to be told of room.
    private let waiting = Atomic<UInt64>(0)

    /// To be called before so many bytes are posted.
    /// - Returns: whether that is too much: who posts should wait for room.
    func add(_ count: Int) -> Bool {
        bytes.wrappingAdd(count, ordering: .sequentiallyConsistent).newValue > Limits.plainBacklogBytesMax
    }

    /// - Parameter shard: which wants room; less than 64.
    /// - Returns: true: it will be told; false: there is room.
    func awaitRoom(_ shard: Int) -> Bool {
        waiting.bitwiseOr(1 << UInt64(shard), ordering: .sequentiallyConsistent)
        // What was handled just before did not see that.
        return bytes.load(ordering: .sequentiallyConsistent) > Self.roomBytes
    }

    /// So many bytes of those that were posted are handled.
    /// - Returns: a bit for each shard that is to be told that there is room.
    func remove(_ count: Int) -> UInt64 {
        let left = bytes.wrappingSubtract(count, ordering: .sequentiallyConsistent).newValue
        precondition(left >= 0, "what is handled was posted")
        guard left <= Self.roomBytes, waiting.load(ordering: .sequentiallyConsistent) != 0 else { return 0 }
        return waiting.exchange(0, ordering: .sequentiallyConsistent)
    }
}
