import CLinux
import Glibc

/// Starts a detached thread that runs `body`.
func startThread(_ name: StaticString, _ body: @escaping @Sendable () -> Void) {
    final class Start: Sendable {
        let name: StaticString
        let body: @Sendable () -> Void
        init(_ name: StaticString, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var thread = pthread_t()
    let failure = pthread_create(
        &thread, nil,
        { argument in
            let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
            confab_name_thread(UnsafeRawPointer(start.name.utf8Start).assumingMemoryBound(to: CChar.self))
            start.body()
            return nil
        }, Unmanaged.passRetained(Start(name, body)).toOpaque())
    precondition(failure == 0, "no thread: \(failure)")
    pthread_detach(thread)
}

/// Milliseconds of a clock that never steps back.
func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}

/// Wakes a thread that waits in `poll` or `epoll_wait`. Any thread may set it.
final class WakeSignal: Sendable {
    let descriptor: Int32

    init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(descriptor >= 0, "no eventfd: \(errno)")
    }

    deinit { Glibc.close(descriptor) }

    func set() { _ = eventfd_write(descriptor, 1) }

    func clear() {
        var value: eventfd_t = 0
        _ = eventfd_read(descriptor, &value)
    }

    /// Returns when the signal is set or the time is over (nil: never), and clears it.
    func wait(milliseconds: Int64?) {
        _ = poll(descriptor, events: POLLIN, milliseconds: milliseconds)
        clear()
    }
}

/// poll(2) on one descriptor, repeated after signals. Returns what is ready; 0 after `milliseconds` (nil: waits for ever).
func poll(_ descriptor: Int32, events: Int32, milliseconds: Int64?) -> Int32 {
    let end = milliseconds.map { monotonicMilliseconds() + $0 }
    while true {
        let rest = end.map { max(0, min($0 - monotonicMilliseconds(), 1 << 30)) } ?? -1
        var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let ready = Glibc.poll(&request, 1, Int32(rest))
        if ready >= 0 { return ready == 0 ? 0 : Int32(request.revents) }
        precondition(errno == EINTR, "poll: \(errno)")
    }
}
