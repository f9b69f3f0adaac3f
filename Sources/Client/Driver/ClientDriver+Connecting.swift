import Diagnostics
import MQTT
import Transport

/// How a connection comes about: a token, a socket, CONNECT; and how the token is followed by the next one.
extension ClientDriver {
    func connect(_ id: RequestID, _ continuation: CheckedContinuation<Void, any Error>, _ io: inout Connections) {
        switch link {
        case .ended: continuation.resume(throwing: endError ?? .closed)
        case .online, .closing: continuation.resume()
        case .preparing, .connecting, .pausing: connects.insert(id, continuation)
        case .idle:
            connects.insert(id, continuation)
            start(&io)
        }
    }

    func start(_ io: inout Connections) {
        attempt += 1
        link = .preparing
        switch configuration.authentication {
        case .anonymous: dial()
        case .password(let user, let password):
            credentials = .password(user: user, password: password)
            dial()
        case .token(let provide):
            let attempt = attempt
            ask(provide) { driver, result, io in
                guard driver.isPreparing(attempt) else { return }
                switch result {
                case .success(let token):
                    driver.credentials = .token(token)
                    driver.dial()
                case .failure(let error): driver.lost(error, &io)
                }
            }
        }
    }

    private func isPreparing(_ attempt: Int) -> Bool {
        if case .preparing = link { self.attempt == attempt } else { false }
    }

    private func dial() {
        let attempt = attempt, number = number
        Dialer.dial(
            host: configuration.host, port: configuration.port, milliseconds: configuration.connectMilliseconds
        ) { result in
            ClientReactor.shared.post { worker, io in
                worker.with(number, &io) { driver, io in
                    guard driver.isPreparing(attempt) else { return }
                    switch result {
                    case .success(let socket): driver.adopt(socket, &io)
                    case .failure(let error): driver.lost(.connectionFailed("\(error)"), &io)
                    }
                }
            }
        }
    }

    /// Asks the program for a token; the answer comes back to the client's thread.
    private func ask(
        _ provide: @escaping @Sendable () async throws -> String,
        _ body: @escaping @Sendable (ClientDriver, Result<String, MQTTError>, inout Connections) -> Void
    ) {
        let number = number
        Task {
            let result: Result<String, MQTTError>
            do {
                let token = try await provide()
                result =
                    token.utf8.count <= Int(UInt16.max)
                    ? .success(token) : .failure(.connectionFailed("the token has more than 65,535 bytes"))
            } catch {
                result = .failure(.connectionFailed("no token: \(error)"))
            }
            ClientReactor.shared.post { worker, io in worker.with(number, &io) { body($0, result, &$1) } }
        }
    }

    // MARK: Renewal

    func scheduleRenewal(_ now: Int64) {
        renewsAt = nil
        guard case .token(let token) = credentials else { return }
        let wall = SystemClock.wallMilliseconds()
        renewsAt = TokenLifetime.renewalMilliseconds(of: token, wallMilliseconds: wall).map { now + $0 }
    }

    /// Asks for the next token and tells the server. Without one the connection goes on for as long as the server lets it.
    func renew() {
        renewsAt = nil
        guard case .token(let provide) = configuration.authentication, let id = connection else { return }
        ask(provide) { driver, result, io in
            guard driver.connection == id, case .online = driver.link, case .token(let old) = driver.credentials else {
                return
            }
            if case .success(let token) = result, token != old {
                driver.credentials = .token(token)
                driver.session.reauthenticate(token)
            } else {
                driver.renewsAt = io.now + TokenLifetime.retryMilliseconds
            }
        }
    }
}
