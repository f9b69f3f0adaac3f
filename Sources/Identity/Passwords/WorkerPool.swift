import Glibc

/// A few threads of low priority for work that takes a core for long, with a short queue: what does not fit, or has
/// waited too long when its turn comes, is not done.
final class WorkerPool: Sendable {
    /// Jobs that may wait, those at work not counted: at half a second each, more could not be done in time.
    static let waitingMax = 32
    /// A client has given up, or tries again, after that.
    static let waitMillisecondsMax: Int64 = 5_000
    /// Below every thread that moves messages.
    private static let niceness: Int32 = 10

    private let queue: JobQueue

    /// - Parameter clock: monotonic milliseconds.
    init(threads: Int, clock: @escaping @Sendable () -> Int64 = monotonicMilliseconds) {
        precondition(threads > 0, "a pool without threads does nothing")
        queue = JobQueue(clock: clock)
        for _ in 0..<threads { Self.start(queue) }
    }

    /// The result of `work`, done on one of the threads; nil if the pool is saturated.
    func run<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result? {
        await withCheckedContinuation { continuation in
            queue.append { isInTime in continuation.resume(returning: isInTime ? work() : nil) }
        }
    }

    /// How many jobs wait, for metrics.
    var waitingCount: Int { queue.count }

    /// The threads end; nobody may wait any more.
    func stop() {
        queue.stop()
    }

    private static func start(_ queue: JobQueue) {
        // Signals are for the main thread: a new thread inherits the mask of the one that makes it.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(queue).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let queue = Unmanaged<JobQueue>.fromOpaque(argument).takeRetainedValue()
                // Linux keeps the priority by thread; 0 is the calling one. It may be refused, and then nothing is lost
                // but the nicety.
                _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, WorkerPool.niceness)
                queue.work()
                return nil
            }, argument)
        guard result == 0 else { fatalError("no thread for the pool: \(result)") }
        pthread_detach(thread)
    }
}

func monotonicMilliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}
