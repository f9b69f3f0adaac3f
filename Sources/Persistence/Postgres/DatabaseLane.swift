import CLinux
import Glibc

/// A part of a database's connections, with the one thread that reads their answers. Tasks that prefer the lane's executor run on that thread, and
/// what they ask goes over the lane's connections.
///
/// The thread is the lane's own (`startThread`), or an event loop's that has the lane as its guest: it calls `moveIn`, then in each of its turns `turn`,
/// sleeps only while `hasWork` is false and `descriptor` is not readable, calls `tick` about once a second or more often, and `moveOut` at its end.
package final class DatabaseLane: Sendable {
    private static let eventsMax = 64

    let pool: ConnectionPool
    let epoll: Int32
    package let executor: DatabaseExecutor
    private let wake: WakeSignal
    private let tickMilliseconds: Int64

    /// - Parameter connectSoon: a connection is missing.
    init(connections: Int, _ limits: Database.Limits, connectSoon: @escaping @Sendable () -> Void) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "no epoll: \(errno)")
        wake = WakeSignal()
        executor = DatabaseExecutor(wake: wake)
        pool = ConnectionPool(
            size: connections, waitMillisecondsMax: limits.waitMilliseconds, connectSoon: connectSoon)
        // Deadlines are tens of seconds; a tick this fine is exact enough, and rare enough to cost nothing.
        tickMilliseconds = max(10, min(1_000, min(limits.statementMilliseconds, limits.waitMilliseconds) / 8))
        var event = epoll_event()
        // Reported once for each time that it is set, so that nobody needs to read it.
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue
        event.data.u64 = 0
        epoll_ctl(epoll, EPOLL_CTL_ADD, wake.descriptor, &event)
    }

    deinit { Glibc.close(epoll) }

    /// The lane has a thread of its own until `close`.
    func startThread() {
        Persistence.startThread("postgres-io") { self.run() }
    }

    func close() {
        pool.close()
        wake.set()
    }

    private func run() {
        moveIn()
        var nextTick = monotonicMilliseconds() + tickMilliseconds
        while !pool.isClosed {
            let rest = executor.runJobs() ? max(0, nextTick - monotonicMilliseconds()) : 0
            readAnswers(waitMilliseconds: rest)
            let now = monotonicMilliseconds()
            if now >= nextTick {
                pool.expire(at: now)
                nextTick = now + tickMilliseconds
            }
        }
        executor.end()
    }

    /// Resumes those whose answers are there.
    private func readAnswers(waitMilliseconds: Int64) {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsMax) { events in
            let count = epoll_wait(epoll, events.baseAddress, Int32(Self.eventsMax), Int32(waitMilliseconds))
            precondition(count >= 0 || errno == EINTR, "epoll_wait: \(errno)")
            for event in events.prefix(Int(max(count, 0))) {
                guard let connection = pool.connection(event.data.u64) else { continue }
                if !connection.advance() { pool.remove(connection) }
            }
        }
    }

    // MARK: As a guest

    /// Readable when answers have come, or jobs from other threads.
    package var descriptor: Int32 { epoll }

    /// The calling thread is the lane's from now on.
    package func moveIn() { executor.bind() }

    /// Reads answers, if the descriptor is readable, and runs tasks for a while.
    package func turn(isReadable: Bool) {
        if isReadable { readAnswers(waitMilliseconds: 0) }
        _ = executor.runJobs()
    }

    /// It wants another turn without delay.
    package var hasWork: Bool { executor.hasJobs }

    /// Ends what has taken too long.
    package func tick() { pool.expire(at: monotonicMilliseconds()) }

    /// The thread ends; what still runs gets one of its own.
    package func moveOut() {
        executor.unbind()
        startThread()
    }
}
