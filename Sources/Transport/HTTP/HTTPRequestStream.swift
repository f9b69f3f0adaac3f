import Synchronization

/// The body of a request on its way from the connection's reactor to the one task that reads it. The reactor stops reading the socket
/// while `bufferBytesMax` wait here, so whoever takes its time slows the client and needs no more memory.
package final class HTTPRequestStream: Sendable {
    /// The client went away, or was too slow, before its body was complete.
    package struct Aborted: Error {}

    /// So much may come while the reader is busy; one read of the socket may exceed it.
    static let bufferBytesMax = 128 * 1024

    private struct State {
        var bytes: [UInt8] = []
        var isComplete = false
        var isAborted = false
        /// The reactor reads, or was asked to.
        var isAsked = false
        var reader: CheckedContinuation<[UInt8]?, any Error>?
    }

    private let state = Mutex(State())
    private let ask: @Sendable () -> Void

    /// - Parameter ask: called when the connection is to be read on.
    init(ask: @escaping @Sendable () -> Void) { self.ask = ask }

    /// A body that is there already.
    package convenience init(_ bytes: [UInt8]) {
        self.init(ask: {})
        _ = append(bytes)
        end()
    }

    // MARK: The task

    /// The next bytes, nil after the last; waits until some are there. Throws `Aborted`.
    package func next() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { reader in
            let (answer, mustAsk) = state.withLock { state in take(reader, &state) }
            if let answer { reader.resume(with: answer) }
            if mustAsk { ask() }
        }
    }

    /// - Returns: the answer, nil if the reader waits; and whether more is wanted from the client.
    private func take(
        _ reader: CheckedContinuation<[UInt8]?, any Error>, _ state: inout State
    ) -> (Result<[UInt8]?, any Error>?, Bool) {
        precondition(state.reader == nil, "one task reads")
        guard !state.isAborted else { return (.failure(Aborted()), false) }
        var answer: Result<[UInt8]?, any Error>?
        if !state.bytes.isEmpty {
            var bytes: [UInt8] = []
            swap(&bytes, &state.bytes)
            answer = .success(bytes)
        } else if state.isComplete {
            answer = .success(nil)
        } else {
            state.reader = reader
        }
        let mustAsk = !state.isComplete && !state.isAsked
        if mustAsk { state.isAsked = true }
        return (answer, mustAsk)
    }

    // MARK: The reactor

    /// - Returns: false: nothing more is to be read until `ask` is called again.
    func append(_ bytes: [UInt8]) -> Bool {
        guard !bytes.isEmpty else { return true }
        let (reader, goesOn) = state.withLock { state in
            if let reader = state.reader.take() { return (Optional(reader), true) }
            if state.bytes.isEmpty { state.bytes = bytes } else { state.bytes += bytes }
            state.isAsked = state.bytes.count < Self.bufferBytesMax
            return (nil, state.isAsked)
        }
        reader?.resume(returning: bytes)
        return goesOn
    }

    /// All has been appended.
    func end() {
        let reader = state.withLock { state in
            state.isComplete = true
            return state.reader.take()
        }
        reader?.resume(returning: nil)
    }

    /// The rest will not come. What the reader has not taken is of no use.
    func abort() {
        let reader = state.withLock { state in
            state.isAborted = true
            state.bytes = []
            return state.reader.take()
        }
        reader?.resume(throwing: Aborted())
    }
}
