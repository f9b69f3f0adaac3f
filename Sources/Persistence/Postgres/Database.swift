import CLinux
import Glibc
import Synchronization

/// An asynchronous PostgreSQL client: pools of connections, each prepared statement cached per connection by its text.
/// For everything that is not the message path.
///
/// Connections belong to lanes. One lane has a thread of its own and serves everybody; further ones are guests of event loops (`DatabaseLane`) and
/// serve the tasks that run there. Another thread connects and reconnects. The threads hold the database until `close`.
package final class Database: Sendable {
    /// What the pool is made of, and how long things may take.
    package struct Limits: Sendable {
        package var connections = 8
        /// Lanes for event loops, and the connections of each.
        package var guestLanes = 0
        package var guestConnections = 8
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
    /// The first has a thread of its own.
    private let lanes: [DatabaseLane]
    private let connectWake: WakeSignal
    private let starting = Mutex<CheckedContinuation<DatabaseError?, Never>?>(nil)

    /// - Parameter url: libpq's connection string or URI.
    package init(url: String, limits: Limits = Limits()) {
        self.url = url
        self.limits = limits
        let wake = WakeSignal()
        connectWake = wake
        lanes = (0...limits.guestLanes).map { index in
            DatabaseLane(
                connections: index == 0 ? limits.connections : limits.guestConnections, limits,
                connectSoon: { wake.set() })
        }
    }

    /// Those that wait for an event loop to take them in.
    package var guestLanes: [DatabaseLane] { Array(lanes.dropFirst()) }

    /// Runs tasks on the own lane's thread, between `start` and `close`; later ones elsewhere.
    package var executor: DatabaseExecutor { lanes[0].executor }

    /// The lane on whose thread the caller is.
    var currentLane: DatabaseLane? { lanes.first { $0.executor.isCurrentThread } }

    /// That, else the one for everybody.
    private var lane: DatabaseLane { currentLane ?? lanes[0] }

    /// Starts the threads; returns when the first connection stands, throws if it cannot be made (then the database is closed).
    package func start() async throws(DatabaseError) {
        let failure = await withCheckedContinuation { continuation in
            starting.withLock { $0 = continuation }
            lanes[0].startThread()
            startThread("postgres-dial") { self.keepConnected() }
        }
        if let failure {
            close()
            throw failure
        }
    }

    /// Closes the connections; what runs or waits fails with `.unavailable`.
    package func close() {
        for lane in lanes { lane.close() }
        connectWake.set()
    }

    /// One statement, in a transaction of its own.
    package func query(_ sql: StaticString, _ parameters: [Parameter] = []) async throws(DatabaseError) -> Rows {
        let buffer = try ParameterBuffer(parameters)
        let pool = lane.pool
        let connection = try await pool.lease()
        defer { pool.release(connection) }
        return try await connection.run(sql, buffer, limitMilliseconds: limits.statementMilliseconds)
    }

    /// Runs `body` between BEGIN and COMMIT on one connection; rolls back if it throws. Repeats it (at most 5 times) after a deadlock or
    /// serialisation failure (40001, 40P01), so `body` must have no effects but its statements.
    package func transaction<R: Sendable>(
        _ body: @Sendable (Transaction) async throws -> R
    ) async throws -> R {
        let pool = lane.pool
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

    private var isClosed: Bool { lanes[0].pool.isClosed }

    /// The connecting thread: replaces what is missing, more and more slowly while that fails.
    private func keepConnected() {
        var nextID: UInt64 = 1
        var backoff = Self.reconnectMillisecondsMin
        while !isClosed {
            guard let lane = lanes.first(where: { $0.pool.missing > 0 }) else {
                connectWake.wait(milliseconds: nil)
                continue
            }
            let begun = monotonicMilliseconds()
            do {
                lane.pool.add(PooledConnection(id: nextID, server: try connect(lane.pool), epoll: lane.epoll))
                nextID += 1
                backoff = Self.reconnectMillisecondsMin
                started(nil)
            } catch {
                for lane in lanes { lane.pool.connectFailed(error, begunAt: begun) }
                started(error)
                pause(milliseconds: backoff)
                backoff = min(backoff * 2, Self.reconnectMillisecondsMax)
            }
        }
    }

    /// A statement that was given up must not be done after one that comes later.
    private func connect(_ pool: ConnectionPool) throws(DatabaseError) -> ServerConnection {
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
        while !isClosed {
            let pause = lanes.contains { $0.pool.isStarving } ? Self.reconnectMillisecondsMin : milliseconds
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
