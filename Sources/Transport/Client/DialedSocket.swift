import Glibc
import Synchronization

/// A connected socket on its way to the reactor that adopts it; closed if none does.
package final class DialedSocket: Sendable {
    /// -1: taken.
    private let descriptor: Atomic<Int32>

    init(_ descriptor: Int32) { self.descriptor = Atomic(descriptor) }

    deinit {
        let left = descriptor.load(ordering: .relaxed)
        if left >= 0 { close(left) }
    }

    /// The caller owns it from now on.
    func take() -> Int32 {
        let taken = descriptor.exchange(-1, ordering: .relaxed)
        precondition(taken >= 0, "a socket is adopted once")
        return taken
    }
}
