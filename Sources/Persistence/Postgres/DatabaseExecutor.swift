import Glibc
import Synchronization

/// Where the tasks run that wait for the database: on the thread that reads its answers, so that neither a question nor an answer wakes
/// another thread. Prefer it for tasks that ask a lot and compute little (`Task(executorPreference:)`); what computes or blocks for long would hold
/// up all others.
package final class DatabaseExecutor: TaskExecutor {
    private static let roundsMax = 16

    private struct State {
        var jobs: [UnownedJob] = []
        /// The thread waits, or is about to: whoever puts something in wakes it.
        var sleeps = false
        /// The thread has ended; jobs that still come have threads of their own.
        var isOver = false
    }

    private let state = Mutex(State())
    private let wake: WakeSignal

    /// - Parameter wake: ends the wait of the thread that runs the jobs.
    init(wake: WakeSignal) { self.wake = wake }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let (mustWake, isOver) = state.withLock { state in
            if !state.isOver { state.jobs.append(job) }
            defer { state.sleeps = false }
            return (state.sleeps, state.isOver)
        }
        if mustWake { wake.set() }
        if isOver { startThread("postgres-late") { job.runSynchronously(on: self.asUnownedTaskExecutor()) } }
    }

    /// Runs what is there, and what comes of it, for some rounds: answers must not wait for ever. To be called by the thread before each wait.
    /// - Returns: whether the thread may sleep: nothing is left, and `enqueue` will wake it.
    func runJobs() -> Bool {
        var jobs: [UnownedJob] = []
        for _ in 0..<Self.roundsMax {
            state.withLock { state in
                swap(&jobs, &state.jobs)
                state.sleeps = jobs.isEmpty
            }
            if jobs.isEmpty { return true }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            jobs.removeAll(keepingCapacity: true)
        }
        return false
    }

    /// The thread ends: nobody waits for ever.
    func end() {
        state.withLock { $0.isOver = true }
        while !runJobs() {}
    }
}
