import Glibc

@testable import Transport

/// What a probe saw, on its way from the reactor's thread to the test's, which waits for it.
final class Journal: @unchecked Sendable {
    struct State {
        var opened: [ConnectionID] = []
        var peers: [PeerAddress] = []
        var closed: [ConnectionID] = []
        var received: [UInt8] = []
        /// Calls of `received`, `drained` and `turnEnded`.
        var calls = 0
        var drained = 0
        var turns = 0
        var deadlines: [(id: ConnectionID, now: Int64)] = []
        var values: [Int] = []

        var open: Int { opened.count - closed.count }
    }

    static let patienceSeconds = 20

    /// Guarded by `mutex`.
    private var state = State()
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(changed)
        mutex.deallocate()
        changed.deallocate()
    }

    func note(_ change: (inout State) -> Void) {
        pthread_mutex_lock(mutex)
        change(&state)
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    var now: State {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return state
    }

    /// False if it did not come true in time.
    func wait(until condition: (State) -> Bool) -> Bool {
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        limit.tv_sec += Self.patienceSeconds
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !condition(state) {
            if pthread_cond_timedwait(changed, mutex, &limit) == ETIMEDOUT { return condition(state) }
        }
        return true
    }
}

/// Runs `body` on a thread of its own; `join` waits for its end.
struct TestThread: @unchecked Sendable {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let thread: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        precondition(result == 0)
        self.thread = thread
    }

    func join() { pthread_join(thread, nil) }
}
