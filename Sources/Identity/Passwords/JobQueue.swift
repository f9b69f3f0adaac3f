import Glibc

/// The queue between the callers of a `WorkerPool` and its threads. Everything mutable is touched only under `mutex`.
final class JobQueue: @unchecked Sendable {
    /// Called once: with true to do the work, with false when it came to nothing.
    typealias Job = (_ isInTime: Bool) -> Void

    private struct Waiting {
        var job: Job
        var sinceMilliseconds: Int64
    }

    private let clock: @Sendable () -> Int64
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let hasWork = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [Waiting] = []
    private var idleThreads = 0
    private var isStopped = false

    init(clock: @escaping @Sendable () -> Int64) {
        self.clock = clock
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(hasWork, nil)
    }

    deinit {
        pthread_cond_destroy(hasWork)
        pthread_mutex_destroy(mutex)
        hasWork.deallocate()
        mutex.deallocate()
    }

    /// Lets the job wait its turn, or ends it at once if too many wait already.
    func append(_ job: @escaping Job) {
        pthread_mutex_lock(mutex)
        precondition(!isStopped, "the pool has been stopped")
        // A job for an idle thread does not wait.
        let hasRoom = waiting.count - idleThreads < WorkerPool.waitingMax
        if hasRoom {
            waiting.append(Waiting(job: job, sinceMilliseconds: clock()))
            pthread_cond_signal(hasWork)
        }
        pthread_mutex_unlock(mutex)
        if !hasRoom { job(false) }
    }

    var count: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return waiting.count
    }

    func stop() {
        pthread_mutex_lock(mutex)
        precondition(waiting.isEmpty, "somebody waits for the pool that is stopped")
        isStopped = true
        pthread_cond_broadcast(hasWork)
        pthread_mutex_unlock(mutex)
    }

    /// The life of one thread: jobs in order of arrival, until the queue is stopped.
    func work() {
        while let next = take() {
            let waited = clock() - next.sinceMilliseconds
            next.job(waited <= WorkerPool.waitMillisecondsMax)
        }
    }

    private func take() -> Waiting? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        idleThreads += 1
        while waiting.isEmpty, !isStopped { pthread_cond_wait(hasWork, mutex) }
        idleThreads -= 1
        return waiting.isEmpty ? nil : waiting.removeFirst()
    }
}
