import Diagnostics
import Identity
import Persistence
import Synchronization
import Topics
import Transport

/// What the shards share: the mailroom, the registry of sessions, the services outside. Everything here may be used on any thread.
package final class Hub: Sendable {
    package struct Settings: Sendable {
        /// CONNECT without credentials opens all plain topics (`--anonymous`).
        package var allowsAnonymous: Bool

        /// There are sessions of such clients from earlier.
        package var hasAnonymousSessions: Bool

        /// As in `Limits`; tests set another.
        var keepAliveSecondsMax = Limits.keepAliveSecondsMax

        package init(allowsAnonymous: Bool, hasAnonymousSessions: Bool) {
            self.allowsAnonymous = allowsAnonymous
            self.hasAnonymousSessions = hasAnonymousSessions
        }
    }

    package let services: HubServices
    package let settings: Settings
    package let metrics = HubMetrics()
    let registry = SessionRegistry()
    let saver = SessionSaver()
    let board: StatisticsBoard
    let mailroom: Mailroom

    /// True once a client without credentials may have left a session behind: only then must a clean start look for one.
    var hasAnonymousSessions: Bool { anonymousSessions.load(ordering: .relaxed) }
    private let anonymousSessions: Atomic<Bool>

    package init(services: HubServices, settings: Settings, mailroom: Mailroom) {
        anonymousSessions = Atomic(settings.hasAnonymousSessions)
        self.services = services
        self.settings = settings
        self.mailroom = mailroom
        board = StatisticsBoard(shardCount: mailroom.shardCount, now: services.wallMilliseconds())
    }

    /// Of the product; none is released yet.
    package static let version = "0.1.0-dev"

    /// Returns when no session's end is still being saved, or the time is over.
    package func saved(withinMilliseconds limit: Int64) async {
        let deadline = ContinuousClock.now + .milliseconds(limit)
        while !saver.isIdle, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(5)) }
    }

    package func makeRequestID() -> String { String(services.ids.next(), radix: 36) }

    func makeClientID() -> [UInt8] { Array("auto-\(services.ids.next())".utf8) }

    // MARK: Reading and saving

    func load(
        _ key: SessionKey, _ claims: Claims?, isPersistent: Bool, cleanStart: Bool
    ) async -> LoadedState {
        var state = LoadedState()
        do {
            if let claims {
                let rights = try await services.rights.loadRights(userID: claims.userID, sessionID: nil)
                guard let rights, rights.isEnabled, try await isAdmitted(claims) else {
                    state.failure = .notAuthorized
                    return state
                }
                state.rights = rights
            }
            state.session = try await open(key, isPersistent: isPersistent, cleanStart: cleanStart)
        } catch {
            services.logger.warning("a client could not be connected: \(error)")
            state.failure = .unavailable
        }
        return state
    }

    func isAdmitted(_ claims: Claims) async throws(DatabaseError) -> Bool {
        guard let sessionID = claims.sessionID else { return true }
        return try await services.logins.admit(
            userID: claims.userID, sessionID: sessionID, accessExpiresAt: claims.expiresAt)
    }

    /// Resumes what is there, unless the client wants a clean start; whether it keeps the session is another question [MQTT-3.1.2-5].
    private func open(_ key: SessionKey, isPersistent: Bool, cleanStart: Bool) async throws -> OpenedSession? {
        if !cleanStart, let stored = try await services.sessions.load(user: key.userID, clientID: key.clientID) {
            return OpenedSession(stored: stored, isPresent: true)
        }
        guard isPersistent else {
            try await services.sessions.discard(user: key.userID, clientID: key.clientID)
            return nil
        }
        if key.userID == 0 { anonymousSessions.store(true, ordering: .relaxed) }
        let id = services.ids.next()
        _ = try await services.sessions.create(id: id, user: key.userID, clientID: key.clientID)
        return OpenedSession(stored: StoredSession(id: id), isPresent: false)
    }

    func read(_ topic: StoredTopic, after seq: Int64, limit: Int) async -> [LogEntry]? {
        do {
            return try await services.log.read(topic, after: seq, limit: limit)
        } catch {
            services.logger.warning("the log of topic \(topic.id) could not be read: \(error)")
            return nil
        }
    }

    func saveSubscriptions(
        _ id: Int64, _ subscriptions: [StoredSubscription], cursors: [Cursor]
    ) async -> Bool {
        do {
            try await services.sessions.save(subscriptions, of: id)
            try await services.sessions.saveCursors([(id, cursors)])
            return true
        } catch {
            services.logger.warning("subscriptions could not be saved: \(error)")
            return false
        }
    }

    func removeSubscriptions(_ id: Int64, _ filters: [[UInt8]]) async -> Bool {
        do {
            try await services.sessions.deleteSubscriptions(filters, of: id)
            return true
        } catch {
            services.logger.warning("subscriptions could not be removed: \(error)")
            return false
        }
    }

    /// A lost save only means that some messages come again.
    func saveCursors(_ cursors: [(id: Int64, cursors: [Cursor])]) async {
        do {
            try await services.sessions.saveCursors(cursors)
        } catch {
            services.logger.warning("cursors could not be saved: \(error)")
        }
    }

    func keep(_ sessions: [Int64]) async {
        do {
            try await services.sessions.keep(sessions)
        } catch {
            services.logger.warning("the expiry of connected sessions could not be moved on: \(error)")
        }
    }

    /// A session's connection has ended: saves what is durable, then lets the next client have it.
    /// - Parameter previous: what was still being saved.
    func finish(
        _ key: SessionKey, _ claim: SessionRegistry.Claim, storedID: Int64,
        cursors: [Cursor], expirySeconds: UInt32, after previous: Task<Void, Never>?
    ) {
        guard storedID != 0 else {
            registry.release(key, claim)
            return
        }
        saver.begin(claim)
        Task {
            await previous?.value
            do {
                if expirySeconds > 0 {
                    try await services.sessions.saveCursors([(storedID, cursors)])
                    try await services.sessions.leave(storedID, expirySeconds: Int64(expirySeconds))
                } else {
                    try await services.sessions.delete(storedID)
                }
            } catch {
                services.logger.warning("the end of a connection could not be saved: \(error)")
            }
            registry.release(key, claim)
            saver.finish(claim)
        }
    }
}

/// Counters that `/metrics` shows; each may be raised on any thread.
package struct HubMetrics: ~Copyable, Sendable {
    package struct Counter: ~Copyable, Sendable {
        private let value = Atomic<UInt64>(0)
        package borrowing func add(_ amount: UInt64) { value.wrappingAdd(amount, ordering: .relaxed) }
        package var current: UInt64 { value.load(ordering: .relaxed) }
    }

    /// Deliveries of plain topics that a slow reader lost.
    package let dropped = Counter()
    /// Publishes that were refused.
    package let refused = Counter()
}
