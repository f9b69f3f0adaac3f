import CLinux
import Glibc
import Synchronization

/// The only door into a reactor's thread: any thread posts, the reactor drains. At most one wake per drained batch.
package final class Mailbox<Mail: Sendable>: Sendable {
    private let waiting = Mutex<[Mail]>([])
    private let isPending = Atomic<Bool>(false)
    /// The thread that drains; 0: none yet.
    private let thread = Atomic<UInt>(0)
    /// Watched edge-triggered, so that nobody needs to read it.
    let descriptor: Int32

    package init() throws(SystemCallError) {
        descriptor = try systemCall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) } ?? -1
        precondition(descriptor >= 0)
    }

    deinit { close(descriptor) }

    /// The calling thread drains from now on, and looks at `hasMail` before it sleeps.
    func bind() { thread.store(pthread_self(), ordering: .relaxed) }

    package func post(_ mail: Mail) {
        waiting.withLock { $0.append(mail) }
        wake()
    }

    package func post(_ mail: [Mail]) {
        guard !mail.isEmpty else { return }
        waiting.withLock { $0.append(contentsOf: mail) }
        wake()
    }

    /// True as soon as a `post` has returned. Cheap: asked after every read, so that bytes which were sent because of something that was
    /// posted before are never handled before it.
    package var hasMail: Bool { isPending.load(ordering: .acquiring) }

    package func drain() -> [Mail] {
        isPending.store(false, ordering: .sequentiallyConsistent)
        return waiting.withLock { mail in
            let all = mail
            mail.removeAll()
            return all
        }
    }

    private func wake() {
        guard !isPending.exchange(true, ordering: .sequentiallyConsistent) else { return }
        if thread.load(ordering: .relaxed) == pthread_self() { return }
        var one: UInt64 = 1
        // The counter cannot overflow: one is added per drained batch. So this never blocks.
        while write(descriptor, &one, 8) < 0 && errno == EINTR {}
    }
}
