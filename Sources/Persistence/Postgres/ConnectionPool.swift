import Synchronization

/// Who may use which connection: idle ones, those lent, tasks that wait their turn. Knows nothing of sockets.
///
/// Tasks wait first come, first served, for a limited time; without any connection they wait for the next attempt to connect only.
final class ConnectionPool: Sendable {
    /// More tasks than these wait for nothing: the database is overloaded.
    static let waitersMax = 4_096
    typealias Turn = CheckedContinuation<Result<PooledConnection, DatabaseError>, Never>

    private struct State {
        /// All that live, by id.
        var connections: [UInt64: PooledConnection] = [:]
        /// The last used is the next one.
        var idle: [PooledConnection] = []
        var waiting: [(turn: Turn, sinceMilliseconds: Int64)] = []
        /// The server's processes for connections that were taken out, as far as they have not been ended: one for each that is missing.
        var abandoned: [ServerProcess] = []
        var isClosed = false
    }

    let size: Int
    private let waitMillisecondsMax: Int64
    private let connectSoon: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameter connectSoon: a connection is missing.
    init(size: Int, waitMillisecondsMax: Int64, connectSoon: @escaping @Sendable () -> Void) {
        precondition(size > 0)
        self.size = size
        self.waitMillisecondsMax = waitMillisecondsMax
        self.connectSoon = connectSoon
    }

    /// A connection for the caller alone, until `release`.
    func lease() async throws(DatabaseError) -> PooledConnection {
        while true {
            let connection = if let idle = takeIdle() { idle } else { try await nextConnection() }
            if connection.isUsable() { return connection }
            remove(connection)
        }
    }

    /// Gives a leased connection back, to the longest waiting task first.
    func release(_ connection: PooledConnection) {
        guard connection.isIdle else { return remove(connection) }
        let turn = state.withLock { state -> Turn? in
            guard state.connections[connection.id] != nil else { return nil }
            return Self.handOver(connection, &state)
        }
        turn?.resume(returning: .success(connection))
    }

    /// A new connection.
    func add(_ connection: PooledConnection) {
        let (turn, isClosed) = state.withLock { state -> (Turn?, Bool) in
            guard !state.isClosed else { return (nil, true) }
            precondition(state.connections.count < size)
            state.connections[connection.id] = connection
            return (Self.handOver(connection, &state), false)
        }
        if isClosed { return connection.close("closed") }
        turn?.resume(returning: .success(connection))
    }

    /// An attempt to connect, begun at that time, failed: without any connection, who waited for it waits no longer. Who came later
    /// waits for the next one, since the server may have come back in between.
    func connectFailed(_ error: DatabaseError, begunAt milliseconds: Int64) {
        let refused = state.withLock { state -> [Turn] in
            guard state.connections.isEmpty else { return [] }
            let count = state.waiting.prefix { $0.sinceMilliseconds < milliseconds }.count
            defer { state.waiting.removeFirst(count) }
            return state.waiting.prefix(count).map(\.turn)
        }
        for turn in refused { turn.resume(returning: .failure(error)) }
    }

    /// Takes a broken connection out and closes it. May be called more than once.
    func remove(_ connection: PooledConnection, reason: String = "the connection broke") {
        let wasKnown = state.withLock { state in
            state.idle.removeAll { $0 === connection }
            guard state.connections.removeValue(forKey: connection.id) != nil else { return false }
            if let process = connection.process { state.abandoned.append(process) }
            return true
        }
        connection.close(reason)
        if wasKnown { connectSoon() }
    }

    /// Those that a new connection is to end before it is used.
    func takeAbandoned() -> [ServerProcess] {
        state.withLock { state in
            defer { state.abandoned = [] }
            return state.abandoned
        }
    }

    /// They could not be ended yet.
    func abandon(_ processes: [ServerProcess]) { state.withLock { $0.abandoned += processes } }

    func connection(_ id: UInt64) -> PooledConnection? { state.withLock { $0.connections[id] } }

    var missing: Int { state.withLock { $0.isClosed ? 0 : size - $0.connections.count } }
    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// Whether tasks wait although there is no connection at all.
    var isStarving: Bool { state.withLock { $0.connections.isEmpty && !$0.waiting.isEmpty } }

    /// Ends what has taken too long: statements, and waiting.
    func expire(at milliseconds: Int64) {
        let (connections, late) = state.withLock { state -> ([PooledConnection], [Turn]) in
            // All wait equally long, so the first in the queue is the first to expire.
            let count = state.waiting.prefix { milliseconds - $0.sinceMilliseconds >= waitMillisecondsMax }.count
            defer { state.waiting.removeFirst(count) }
            return (Array(state.connections.values), state.waiting.prefix(count).map(\.turn))
        }
        for turn in late { turn.resume(returning: .failure(.unavailable("no free connection"))) }
        for connection in connections where connection.isOverdue(at: milliseconds) {
            remove(connection, reason: "the statement took too long")
        }
    }

    func close() {
        let (connections, turns) = state.withLock { state -> ([PooledConnection], [Turn]) in
            defer {
                state.connections = [:]
                state.idle = []
                state.waiting = []
                state.isClosed = true
            }
            return (Array(state.connections.values), state.waiting.map(\.turn))
        }
        for turn in turns { turn.resume(returning: .failure(.unavailable("closed"))) }
        for connection in connections { connection.close("closed") }
    }

    /// Without waiting. Where somebody waits, there is none.
    private func takeIdle() -> PooledConnection? { state.withLock { $0.isClosed ? nil : $0.idle.popLast() } }

    private func nextConnection() async throws(DatabaseError) -> PooledConnection {
        let result = await withCheckedContinuation { turn in
            let answer = state.withLock { state -> Result<PooledConnection, DatabaseError>? in enqueue(turn, &state) }
            if let answer { turn.resume(returning: answer) }
        }
        return try result.get()
    }

    /// Nil: the turn waits.
    private func enqueue(_ turn: Turn, _ state: inout State) -> Result<PooledConnection, DatabaseError>? {
        guard !state.isClosed else { return .failure(.unavailable("closed")) }
        if let connection = state.idle.popLast() { return .success(connection) }
        if state.connections.isEmpty { connectSoon() }
        guard state.waiting.count < Self.waitersMax else { return .failure(.unavailable("too many tasks wait")) }
        state.waiting.append((turn, monotonicMilliseconds()))
        return nil
    }

    private static func handOver(_ connection: PooledConnection, _ state: inout State) -> Turn? {
        guard !state.waiting.isEmpty else {
            state.idle.append(connection)
            return nil
        }
        return state.waiting.removeFirst().turn
    }
}
