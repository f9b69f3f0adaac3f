import CLinux
import Glibc
import Synchronization

/// A part of a database's connections, with the one thread that reads their answers. Tasks that prefer the lane's executor run on that thread, and
/// what they ask goes over the lane's connections.
///
/// The thread is the lane's own (`startThread`), or an event loop's that has the lane as its guest: it calls `moveIn`, then in each of its turns `turn`,
/// sleeps only while `hasWork` is false and `descriptor` is not readable, calls `tick` about once a second or more often, and `moveOut` at its end.
package final class DatabaseLane: Sendable {
    private static let eventsMax = 64
    /// Marks keys of epoll that are descriptors of `LaneWork`, not ids of connections.
    private static let workKey: UInt64 = 1 << 63

    private struct Work {
        var new: [any LaneWork] = []
        /// By the descriptor on which it waits.
        var waiting: [Int32: any LaneWork] = [:]
    }

    let pool: ConnectionPool
    let epoll: Int32
    package let executor: DatabaseExecutor
    private let wake: WakeSignal
    private let tickMilliseconds: Int64
    private let work = Mutex(Work())

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
            doWork()
            readAnswers(waitMilliseconds: hasWork ? 0 : max(0, nextTick - monotonicMilliseconds()))
            let now = monotonicMilliseconds()
            if now >= nextTick {
                tick()
                nextTick = now + tickMilliseconds
            }
        }
        executor.end()
        for one in takeNewWork() { one.decline() }
        leaveWaitingWork()
    }

    private func doWork() {
        _ = executor.runJobs()
        for one in takeNewWork() { advance(one, waitingOn: nil) }
    }

    /// Resumes those whose answers are there.
    private func readAnswers(waitMilliseconds: Int64) {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsMax) { events in
            let count = epoll_wait(epoll, events.baseAddress, Int32(Self.eventsMax), Int32(waitMilliseconds))
            precondition(count >= 0 || errno == EINTR, "epoll_wait: \(errno)")
            for event in events.prefix(Int(max(count, 0))) {
                let key = event.data.u64
                if key & Self.workKey != 0 {
                    let descriptor = Int32(truncatingIfNeeded: key)
                    guard let one = work.withLock({ $0.waiting[descriptor] }) else { continue }
                    advance(one, waitingOn: descriptor)
                } else if let connection = pool.connection(key), !connection.advance() {
                    pool.remove(connection)
                }
            }
        }
    }

    // MARK: Others' work

    /// Begins with the work in this turn of the lane or the next. To be called on the lane's thread.
    func take(_ one: any LaneWork) { work.withLock { $0.new.append(one) } }

    private func takeNewWork() -> [any LaneWork] {
        work.withLock { work in
            defer { work.new.removeAll(keepingCapacity: true) }
            return work.new
        }
    }

    private func advance(_ one: any LaneWork, waitingOn old: Int32?) {
        // First: a descriptor that is closed meanwhile may be another connection's at once, and be watched here.
        if let old { stopWaiting(on: old) }
        let next = old == nil ? one.begin() : one.resume()
        guard let next else { return }
        work.withLock { $0.waiting[next] = one }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = Self.workKey | UInt64(next)
        let failure = epoll_ctl(epoll, EPOLL_CTL_ADD, next, &event)
        precondition(failure == 0, "epoll_ctl: \(errno)")
    }

    private func stopWaiting(on descriptor: Int32) {
        work.withLock { $0.waiting[descriptor] = nil }
        let failure = epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
        precondition(failure == 0, "epoll_ctl: \(errno)")
    }

    private func leaveWaitingWork() {
        for (descriptor, one) in work.withLock({ $0.waiting }) {
            stopWaiting(on: descriptor)
            one.leave()
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
        doWork()
    }

    /// It wants another turn without delay.
    package var hasWork: Bool { executor.hasJobs || work.withLock { !$0.new.isEmpty } }

    /// Ends what has taken too long. Others' work that waits goes back to them, who can tell what is too long for it.
    package func tick() {
        pool.expire(at: monotonicMilliseconds())
        leaveWaitingWork()
    }

    /// The thread ends; what still runs gets one of its own.
    package func moveOut() {
        executor.unbind()
        startThread()
    }
}
