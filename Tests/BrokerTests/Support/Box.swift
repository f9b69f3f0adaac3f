import Synchronization

/// What a task comes to, for a thread that waits for it.
final class Box<Value: Sendable>: Sendable {
    private let content = Mutex<Value??>(nil)

    var isSet: Bool { content.withLock { $0 != nil } }
    var value: Value? { content.withLock { $0 ?? nil } }
    func set(_ value: Value?) { content.withLock { $0 = .some(value) } }
}
