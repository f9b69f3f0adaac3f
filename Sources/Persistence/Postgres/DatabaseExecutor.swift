import Glibc
import Synchronization

/// Where the tasks run that wait for the database: on the thread that reads its answers, so that neither a question nor an answer wakes
/// another thread. Prefer it for tasks that ask a lot and compute little (`Task(executorPreference:)`); what computes or blocks for long would hold
/// up all others.
package final class DatabaseExecutor: TaskExecutor {
    /// Between two looks at what else the thread has to do: answers, and on a reactor clients.
    private static let jobsMax = 32

    private struct State {
        var jobs: [UnownedJob] = []
        /// The thread waits, or is about to: whoever puts something in wakes it.
        var sleeps = false
        /// The thread has ended; jobs that still come have threads of their own.
        var isOver = false
    }

    private let state = Mutex(State())
    private let wake: WakeSignal
    /// The thread that runs the jobs; 0: none does.
    private let thread = Atomic<UInt>(0)

    /// - Parameter wake: ends the wait of the thread that runs the jobs.
    init(wake: WakeSignal) { self.wake = wake }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // What comes from the thread itself it finds before it sleeps.
        let isOwn = isCurrentThread
        let (mustWake, isOver) = state.withLock { state in
            if !state.isOver { state.jobs.append(job) }
            guard !isOwn else { return (false, state.isOver) }
            defer { state.sleeps = false }
            return (state.sleeps, state.isOver)
        }
        if mustWake { wake.set() }
        if isOver { startThread("postgres-late") { job.runSynchronously(on: self.asUnownedTaskExecutor()) } }
    }

    /// Whether the caller is on the thread that runs the jobs.
    var isCurrentThread: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    /// The calling thread runs the jobs from now on, or no longer.
    func bind() { thread.store(pthread_self(), ordering: .relaxed) }
    func unbind() { thread.store(0, ordering: .relaxed) }

    var hasJobs: Bool { state.withLock { !$0.jobs.isEmpty } }

    /// Runs what is there, and what comes of it, but not for ever. To be called by the thread before each wait.
    /// - Returns: whether the thread may sleep: nothing is left, and `enqueue` will wake it.
    func runJobs() -> Bool {
        var jobs: [UnownedJob] = []
        var left = Self.jobsMax
        while left > 0 {
            state.withLock { state in
                swap(&jobs, &state.jobs)
                if jobs.count > left {
                    state.jobs.append(contentsOf: jobs[left...])
                    jobs.removeSubrange(left...)
                }
                state.sleeps = jobs.isEmpty
            }
            if jobs.isEmpty { return true }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            left -= jobs.count
            jobs.removeAll(keepingCapacity: true)
        }
        return state.withLock { state in
            state.sleeps = state.jobs.isEmpty
            return state.sleeps
        }
    }

    /// The thread ends: nobody waits for ever.
    func end() {
        state.withLock { $0.isOver = true }
        while !runJobs() {}
        unbind()
    }
}
