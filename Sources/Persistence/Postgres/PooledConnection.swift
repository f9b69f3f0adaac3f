import CLinux
import Glibc
import Synchronization

/// A connection of the pool. A task that leased it starts statements, the pool's I/O thread finishes them; the mutex stands between.
final class PooledConnection: Sendable {
    /// Never reused, so that a late event of a closed descriptor finds nobody. 0 is the I/O thread's own wake signal.
    let id: UInt64
    /// The server's.
    let process: ServerProcess?
    private let epoll: Int32
    private let state: Mutex<State>

    private struct Pending {
        let sql: StaticString
        let parameters: ParameterBuffer
        let deadlineMilliseconds: Int64
        let continuation: CheckedContinuation<Result<Rows, DatabaseError>, Never>
        /// The name under which the statement is being prepared; nil: it is being executed.
        var preparing: String?
        var result: ResultHandle?
        var failure: DatabaseError?
    }

    private struct State: ~Copyable {
        var server: ServerConnection
        var pending: Pending?
        var waitsForOutput = false
        /// A statement of the current transaction failed in a way that a repetition may cure.
        var mayRetry = false
    }

    init(id: UInt64, server: consuming ServerConnection, epoll: Int32) {
        precondition(id != 0)
        self.id = id
        self.epoll = epoll
        process = server.process
        let descriptor = server.descriptor
        state = Mutex(State(server: consume server))
        watch(descriptor, EPOLL_CTL_ADD, EPOLLIN.rawValue)
    }

    /// Runs a statement; the caller holds the lease, so none is running.
    func run(
        _ sql: StaticString, _ parameters: ParameterBuffer, limitMilliseconds: Int64
    ) async throws(DatabaseError) -> Rows {
        let deadline = monotonicMilliseconds() + limitMilliseconds
        let result = await withCheckedContinuation { continuation in
            let pending = Pending(
                sql: sql, parameters: parameters, deadlineMilliseconds: deadline, continuation: continuation)
            let failure = state.withLock { state in start(pending, &state) }
            if let failure { continuation.resume(returning: .failure(failure)) }
        }
        return try result.get()
    }

    /// Whether the connection still lives; takes in what the server may have said meanwhile, as that it goes.
    func isUsable() -> Bool {
        state.withLock { state in
            state.server.isAlive() && state.server.isIdle
        }
    }

    /// Whether it is open and its last transaction ended, as far as has been read.
    var isIdle: Bool { state.withLock { $0.server.isOpen && $0.server.isIdle } }

    /// Whether a statement of the transaction that just ended failed with a deadlock or serialisation failure. Asking resets it.
    func takeMayRetry() -> Bool {
        state.withLock { state in
            defer { state.mayRetry = false }
            return state.mayRetry
        }
    }

    /// The descriptor can be read or written. False: the connection broke; the caller takes it out of the pool.
    func advance() -> Bool {
        let (finished, lives) = state.withLock { state in proceed(&state) }
        finished?()
        return lives
    }

    /// Whether the running statement has had its time.
    func isOverdue(at milliseconds: Int64) -> Bool {
        state.withLock { $0.pending.map { milliseconds >= $0.deadlineMilliseconds } ?? false }
    }

    /// Closes; a running statement fails with `reason`.
    func close(_ reason: String) {
        let pending = state.withLock { state in
            state.server.close()
            return state.pending.take()
        }
        pending?.continuation.resume(returning: .failure(.unavailable(reason)))
    }

    // MARK: Under the lock

    private func start(_ pending: Pending, _ state: inout State) -> DatabaseError? {
        precondition(state.pending == nil, "a leased connection runs one statement at a time")
        var pending = pending
        guard state.server.isOpen else { return .unavailable("the connection broke") }
        guard send(&pending, &state) else {
            let reason = state.server.lastError
            state.server.close()
            return .unavailable(reason)
        }
        state.pending = pending
        return nil
    }

    private func send(_ pending: inout Pending, _ state: inout State) -> Bool {
        let key = StatementKey(pending.sql, pending.parameters.types)
        let sent: Bool
        if let name = state.server.name(of: key) {
            pending.preparing = nil
            sent = state.server.sendExecute(name, pending.parameters)
        } else {
            let name = state.server.freeName
            pending.preparing = name
            sent = state.server.sendPrepare(name, pending.sql, types: key.types)
        }
        return sent && flush(&state)
    }

    private func flush(_ state: inout State) -> Bool {
        let flushed = state.server.flush()
        // Its socket may be closed, and is watched no longer.
        guard flushed != .broken else { return false }
        let waits = flushed == .again
        if waits != state.waitsForOutput {
            state.waitsForOutput = waits
            let events = waits ? EPOLLIN.rawValue | EPOLLOUT.rawValue : EPOLLIN.rawValue
            watch(state.server.descriptor, EPOLL_CTL_MOD, events)
        }
        return true
    }

    /// Returns what to call when the lock is free again, and whether the connection lives.
    private func proceed(_ state: inout State) -> (finished: (() -> Void)?, lives: Bool) {
        guard state.server.consume(), flush(&state) else { return broken(&state) }
        while true {
            switch state.server.nextAnswer() {
            case .wait:
                return (nil, true)
            case .result(let result):
                // Without a statement of ours: the server's farewell (a shutdown, a timeout).
                guard state.pending != nil else { return broken(&state) }
                state.pending!.failure = state.pending!.failure ?? result.error
                state.pending!.result = result
            case .end:
                guard var pending = state.pending.take() else { return (nil, state.server.isOpen) }
                if pending.failure == nil, let name = pending.preparing {
                    state.server.remember(StatementKey(pending.sql, pending.parameters.types), as: name)
                    pending.result = nil
                    let sent = send(&pending, &state)
                    state.pending = pending
                    guard sent else { return broken(&state) }
                    continue
                }
                return finish(pending, &state)
            }
        }
    }

    private func finish(_ pending: Pending, _ state: inout State) -> (finished: (() -> Void)?, lives: Bool) {
        let continuation = pending.continuation
        guard let failure = pending.failure else {
            guard let result = pending.result else { return broken(&state) }
            return ({ continuation.resume(returning: .success(Rows(result))) }, true)
        }
        if failure.isRetryable { state.mayRetry = true }
        let lives = state.server.isOpen && !failure.spoilsConnection
        if !lives { state.server.close() }
        return ({ continuation.resume(returning: .failure(failure)) }, lives)
    }

    private func broken(_ state: inout State) -> (finished: (() -> Void)?, lives: Bool) {
        let reason = state.server.lastError
        state.server.close()
        guard let pending = state.pending.take() else { return (nil, false) }
        let failure = pending.failure ?? .unavailable(reason.isEmpty ? "the connection broke" : reason)
        return ({ pending.continuation.resume(returning: .failure(failure)) }, false)
    }

    private func watch(_ descriptor: Int32, _ operation: Int32, _ events: UInt32) {
        var event = epoll_event()
        event.events = events
        event.data.u64 = id
        let failure = epoll_ctl(epoll, operation, descriptor, &event)
        precondition(failure == 0, "epoll_ctl: \(errno)")
    }
}

extension DatabaseError {
    /// A prepared statement that no longer fits the schema, or that somebody dropped: a new connection prepares it anew.
    fileprivate var spoilsConnection: Bool {
        switch self {
        case .refused(let code, _, _): code == "0A000" || code == "26000"
        case .unavailable: false
        }
    }
}
