import Synchronization

extension MQTTMessages {
    /// One loop over the messages; when it goes, a message that it has not finished goes back.
    public final class Iterator: AsyncIteratorProtocol, Sendable {
        private let client: MQTTClient
        /// The message that the loop has, by its token.
        private let held = Mutex<UInt64?>(nil)

        init(_ client: MQTTClient) { self.client = client }

        deinit {
            guard let token = held.withLock({ $0 }) else { return }
            client.tell { $0.session.putBack(token) }
        }

        /// The next message; the one before it is acknowledged. nil: the client is closed, or the task was cancelled.
        public func next() async throws -> MQTTMessage? {
            let done = held.withLock { held in
                defer { held = nil }
                return held
            }
            if let done { client.tell { $0.session.handled(done) } }
            let message: MQTTMessage?
            do {
                message = try await client.nextMessage()
            } catch is CancellationError {
                return nil
            }
            held.withLock { $0 = message?.token }
            return message
        }
    }
}

extension MQTTClient {
    fileprivate func nextMessage() async throws -> MQTTMessage? {
        try await call { driver, call, continuation, _ in
            switch driver.endError {
            case .closed: continuation.resume(returning: nil)
            case nil: driver.consumers.insert(call.id, continuation)
            case let error?: continuation.resume(throwing: error)
            }
        } cancelled: { driver, id, _ in
            _ = driver.consumers.cancel(id)
        }
    }
}
