import CLinux
import Glibc
import Synchronization

/// An asynchronous PostgreSQL client: a pool of connections, each prepared statement cached per connection by its text.
/// For everything that is not the message path.
///
/// A calling task sends on a leased connection; one I/O thread reads the answers of all, and runs the tasks that prefer `executor`; another
/// connects and reconnects. The threads hold the database until `close`.
package final class Database: Sendable {
    /// What the pool is made of, and how long things may take.
    package struct Limits: Sendable {
        package var connections = 8
        /// A task waits so long for a free connection.
        package var waitMilliseconds: Int64 = 10_000
        /// A statement may take so long; then its connection is dropped. The server gives up a second later.
        package var statementMilliseconds: Int64 = 30_000

        package init() {}
    }

    /// Time to wait after the first failed attempt to connect; doubles up to the maximum.
    static let reconnectMillisecondsMin: Int64 = 100
    static let reconnectMillisecondsMax: Int64 = 5_000
    /// A transaction that meets a deadlock or a serialisation failure each time is tried so often.
    static let transactionAttemptsMax = 5

    private let url: String
    private let limits: Limits
    private let epoll: Int32
    private let ioWake: WakeSignal
    /// Runs tasks on the I/O thread, between `start` and `close`; later ones elsewhere.
    package let executor: DatabaseExecutor
    private let connectWake: WakeSignal
    let pool: ConnectionPool
    private let starting = Mutex<CheckedContinuation<DatabaseError?, Never>?>(nil)

    /// - Parameter url: libpq's connection string or URI.
    package init(url: String, limits: Limits = Limits()) {
        self.url = url
        self.limits = limits
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "no epoll: \(errno)")
        let ioWake = WakeSignal(), wake = WakeSignal()
        self.ioWake = ioWake
        executor = DatabaseExecutor(wake: ioWake)
        connectWake = wake
        pool = ConnectionPool(
            size: limits.connections, waitMillisecondsMax: limits.waitMilliseconds, connectSoon: { wake.set() })
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = 0
        epoll_ctl(epoll, EPOLL_CTL_ADD, ioWake.descriptor, &event)
    }

    deinit { Glibc.close(epoll) }

    /// Starts the threads; returns when the first connection stands, throws if it cannot be made (then the database is closed).
    package func start() async throws(DatabaseError) {
        let failure = await withCheckedContinuation { continuation in
            starting.withLock { $0 = continuation }
            startThread("postgres-io") { self.readAnswers() }
            startThread("postgres-dial") { self.keepConnected() }
        }
        if let failure {
            close()
            throw failure
        }
    }

    /// Closes the connections; what runs or waits fails with `.unavailable`.
    package func close() {
        pool.close()
        connectWake.set()
        ioWake.set()
    }

    /// One statement, in a transaction of its own.
    package func query(_ sql: StaticString, _ parameters: [Parameter] = []) async throws(DatabaseError) -> Rows {
        let buffer = try ParameterBuffer(parameters)
        let connection = try await pool.lease()
        defer { pool.release(connection) }
        return try await connection.run(sql, buffer, limitMilliseconds: limits.statementMilliseconds)
    }

    /// Runs `body` between BEGIN and COMMIT on one connection; rolls back if it throws. Repeats it (at most 5 times) after a deadlock or
    /// serialisation failure (40001, 40P01), so `body` must have no effects but its statements.
    package func transaction<R: Sendable>(
        _ body: @Sendable (Transaction) async throws -> R
    ) async throws -> R {
        for attempt in 1...Self.transactionAttemptsMax {
            let connection = try await pool.lease()
            defer { pool.release(connection) }
            let transaction = Transaction(connection, limitMilliseconds: limits.statementMilliseconds)
            do {
                _ = try await transaction.query("BEGIN")
                let result = try await body(transaction)
                try await transaction.commit()
                return result
            } catch {
                // If the connection broke, the server rolls back by itself, and `release` drops the connection.
                _ = try? await transaction.query("ROLLBACK")
                guard connection.takeMayRetry(), attempt < Self.transactionAttemptsMax else { throw error }
            }
            // Lets the other transaction get ahead, or the two might meet again.
            try? await Task.sleep(for: .milliseconds(attempt * Int.random(in: 1...5)))
        }
        preconditionFailure("the last attempt returns or throws")
    }

    // MARK: Threads

    /// The I/O thread: reads answers, resumes tasks, ends what takes too long.
    private func readAnswers() {
        // Deadlines are tens of seconds; a tick this fine is exact enough, and rare enough to cost nothing.
        let shortest = min(limits.statementMilliseconds, limits.waitMilliseconds)
        let tickMilliseconds = max(10, min(1_000, shortest / 8))
        var nextTick = monotonicMilliseconds() + tickMilliseconds
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        defer { executor.end() }
        while !pool.isClosed {
            let rest = executor.runJobs() ? max(0, nextTick - monotonicMilliseconds()) : 0
            let count = epoll_wait(epoll, &events, Int32(events.count), Int32(rest))
            precondition(count >= 0 || errno == EINTR, "epoll_wait: \(errno)")
            for event in events.prefix(Int(max(count, 0))) {
                guard let connection = pool.connection(event.data.u64) else {
                    ioWake.clear()
                    continue
                }
                if !connection.advance() { pool.remove(connection) }
            }
            let now = monotonicMilliseconds()
            if now >= nextTick {
                pool.expire(at: now)
                nextTick = now + tickMilliseconds
            }
        }
    }

    /// The connecting thread: replaces what is missing, more and more slowly while that fails.
    private func keepConnected() {
        var nextID: UInt64 = 1
        var backoff = Self.reconnectMillisecondsMin
        while !pool.isClosed {
            guard pool.missing > 0 else {
                connectWake.wait(milliseconds: nil)
                continue
            }
            let begun = monotonicMilliseconds()
            do {
                pool.add(PooledConnection(id: nextID, server: try connect(), epoll: epoll))
                nextID += 1
                backoff = Self.reconnectMillisecondsMin
                started(nil)
            } catch {
                pool.connectFailed(error, begunAt: begun)
                started(error)
                pause(milliseconds: backoff)
                backoff = min(backoff * 2, Self.reconnectMillisecondsMax)
            }
        }
    }

    /// A statement that was given up must not be done after one that comes later.
    private func connect() throws(DatabaseError) -> ServerConnection {
        var server = try ServerConnection.connect(url: url, settings: sessionSettings)
        let abandoned = pool.takeAbandoned()
        if abandoned.isEmpty { return server }
        do throws(DatabaseError) {
            _ = try server.endOlder(abandoned)
        } catch {
            pool.abandon(abandoned)
            throw error
        }
        return server
    }

    /// Waits before the next attempt; as shortly as after the first failure if a task waits for it.
    private func pause(milliseconds: Int64) {
        let start = monotonicMilliseconds()
        while !pool.isClosed {
            let pause = pool.isStarving ? Self.reconnectMillisecondsMin : milliseconds
            let rest = start + pause - monotonicMilliseconds()
            guard rest > 0 else { return }
            connectWake.wait(milliseconds: rest)
        }
    }

    private func started(_ failure: DatabaseError?) {
        starting.withLock { $0.take() }?.resume(returning: failure)
    }

    /// Statements are prepared and find rows by keys. Planning anew for each call costs more than most of them, and generic plans, which know
    /// nothing of the parameters, must not take to scans and sorts where an index has the order.
    private var sessionSettings: String {
        """
        SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off; SET enable_seqscan = off;
        SET enable_hashjoin = off; SET enable_mergejoin = off;
        SET statement_timeout = \(limits.statementMilliseconds + 1_000);
        SET idle_in_transaction_session_timeout = \(2 * limits.statementMilliseconds);
        """
    }
}
