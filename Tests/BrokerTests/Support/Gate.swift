import Glibc
import Synchronization

/// Holds asynchronous calls back until it is opened, and tells when somebody stands before it.
final class Gate: Sendable {
    private struct State {
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func close() { state.withLock { $0.isClosed = true } }

    func open() {
        let waiting = state.withLock { state in
            defer { state = State() }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Lets through who waits, and stays closed for who comes next.
    func letThrough() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                if state.isClosed { state.waiting.append(continuation) }
                return state.isClosed
            }
            if !mustWait { continuation.resume() }
        }
    }
}

struct CheckFailure: Error, CustomStringConvertible {
    var description: String
}

func check(_ condition: Bool, _ text: String, line: Int = #line) throws {
    if !condition { throw CheckFailure(description: "line \(line): \(text)") }
}

func checkEqual<Value: Equatable>(_ left: Value, _ right: Value, _ text: String = "", line: Int = #line) throws {
    try check(left == right, "\(left) is not \(right) \(text)", line: line)
}

/// Waits for something that another thread is about to do; there is no event to wait for, so it looks again and again.
func waitUntil(_ text: String, line: Int = #line, _ condition: () -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while !condition() {
        try check(ContinuousClock.now < deadline, "not within 10 s: \(text)", line: line)
        sched_yield()
    }
}

/// Runs `body` on a thread of its own: sockets block, and Swift's few pool threads are what the hub's tasks run on.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        startThread {
            do {
                try body()
                continuation.resume()
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let failure = pthread_create(
        &thread, nil,
        { argument in
            Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Start(body)).toOpaque())
    precondition(failure == 0)
    pthread_detach(thread)
}
