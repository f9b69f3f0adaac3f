import Synchronization

/// One call that waits for the client's thread. Its task may be cancelled at any moment, even before the thread has heard of it.
final class Call: Sendable {
    let id: RequestID
    private let cancelled = Atomic(false)

    private static let lastID = Atomic<RequestID>(0)

    init() { id = Self.lastID.wrappingAdd(1, ordering: .relaxed).newValue }

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    func cancel() { cancelled.store(true, ordering: .releasing) }
}

/// Calls of one kind that wait for their answers. On the client's thread only.
struct Waiters<Answer: Sendable> {
    typealias Continuation = CheckedContinuation<Answer, any Error>

    private var waiting: [RequestID: Continuation] = [:]

    var isEmpty: Bool { waiting.isEmpty }

    mutating func insert(_ id: RequestID, _ continuation: Continuation) { waiting[id] = continuation }

    /// Does nothing if nobody waits any more.
    mutating func resume(_ id: RequestID, _ result: Result<Answer, MQTTError>) {
        waiting.removeValue(forKey: id)?.resume(with: result.mapError { $0 })
    }

    /// - Returns: whether it was there.
    mutating func cancel(_ id: RequestID) -> Bool {
        guard let continuation = waiting.removeValue(forKey: id) else { return false }
        continuation.resume(throwing: CancellationError())
        return true
    }

    /// The one that has waited longest gets the answer.
    mutating func resumeFirst(_ answer: Answer) {
        guard let first = waiting.keys.min() else { preconditionFailure("somebody waits") }
        waiting.removeValue(forKey: first)?.resume(returning: answer)
    }

    mutating func resumeAll(_ result: Result<Answer, MQTTError>) {
        for continuation in waiting.values { continuation.resume(with: result.mapError { $0 }) }
        waiting = [:]
    }
}
