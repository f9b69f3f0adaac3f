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
        /// There are retained messages from earlier.
        package var hasRetained: Bool

        /// How long publishes wait for a database that is away before they are refused.
        package var publishWait: Duration
        /// All there are at the start.
        package var filterLogs: [FilterLog]
        /// How fast users may publish, and how many may connect.
        package var limits: RateLimits
        /// As in `Limits`; tests set others.
        var keepAliveSecondsMax = Limits.keepAliveSecondsMax
        package var fanoutStep = Limits.fanoutStep

        package init(
            allowsAnonymous: Bool, hasAnonymousSessions: Bool, hasRetained: Bool,
            publishWait: Duration = .seconds(30), filterLogs: [FilterLog] = [], limits: RateLimits = .off
        ) {
            self.allowsAnonymous = allowsAnonymous
            self.hasAnonymousSessions = hasAnonymousSessions
            self.hasRetained = hasRetained
            self.publishWait = publishWait
            self.filterLogs = filterLogs
            self.limits = limits
        }
    }

    package let services: HubServices
    package let settings: Settings
    package let metrics = HubMetrics()
    /// What each user may still publish.
    package let allowances: PublishAllowances
    let connectThrottle: ConnectThrottle
    let registry: SessionRegistry
    let saver = SessionSaver()
    let journal: SessionJournal
    let shareJournal: ShareJournal
    let wills = WillQueue()
    let presence = PresenceBoard()
    /// Shards that have told their clients to go.
    let stoppedShards = Atomic<Int>(0)
    let retained: RetainedWriter
    let board: StatisticsBoard
    let mailroom: Mailroom
    /// By shard: plain messages that wait there.
    let backlogs: [PlainBacklog]

    /// True once a client without credentials may have left a session behind: only then must a clean start look for one.
    var hasAnonymousSessions: Bool { anonymousSessions.load(ordering: .relaxed) }
    private let anonymousSessions: Atomic<Bool>

    package init(services: HubServices, settings: Settings, mailroom: Mailroom) {
        anonymousSessions = Atomic(settings.hasAnonymousSessions)
        var retainedLimits = RetainedWriter.Limits()
        retainedLimits.unavailableAfter = settings.publishWait
        retained = RetainedWriter(
            source: services.retained, hasAny: settings.hasRetained, mailroom: mailroom, logger: services.logger,
            limits: retainedLimits)
        self.services = services
        self.settings = settings
        allowances = PublishAllowances(settings.limits[.publishes])
        connectThrottle = ConnectThrottle(settings.limits)
        registry = SessionRegistry(
            perUserMax: settings.limits.connectionsPerUser, connectionsMax: settings.limits.connections)
        self.mailroom = mailroom
        backlogs = (0..<mailroom.shardCount).map { _ in PlainBacklog() }
        board = StatisticsBoard(shardCount: mailroom.shardCount, now: services.wallMilliseconds())
        journal = SessionJournal(
            write: { [services] sessions in
                do {
                    try await services.sessions.save(sessions)
                    return true
                } catch {
                    services.logger.warning("the state of \(sessions.count) sessions could not be saved: \(error)")
                    return false
                }
            }, post: mailroom.post)
        shareJournal = ShareJournal { [services] consumptions in
            do {
                return try await services.filterLogs.save(consumptions)
            } catch {
                services.logger.warning(
                    "the places of \(consumptions.count) shared subscriptions could not be saved: \(error)")
                return []
            }
        }
    }

    /// Of the product; none is released yet.
    package static let version = "0.1.0-dev"

    /// Returns when no session's end, retained message or place of a shared subscription is still being saved, or the time is over.
    package func saved(withinMilliseconds limit: Int64) async {
        let deadline = ContinuousClock.now + .milliseconds(limit)
        while !saver.isIdle || !retained.isIdle || !shareJournal.isIdle, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    package func makeRequestID() -> String { String(services.ids.next(), radix: 36) }

    func makeClientID() -> [UInt8] { Array("auto-\(services.ids.next())".utf8) }

    // MARK: Reading and saving

    func load(_ waiting: Connecting) async -> LoadedState {
        var state = LoadedState()
        do {
            if let claims = waiting.claims {
                let rights = try await services.rights.loadRights(userID: claims.userID)
                guard let rights, rights.isEnabled, try await isAdmitted(claims) else {
                    state.failure = .notAuthorized
                    return state
                }
                guard waiting.isNamed(rights) else {
                    state.failure = .otherUserName
                    return state
                }
                state.rights = rights
                if let will = waiting.connect.will { try rights.check(will) }
            }
            state.session = try await open(
                waiting.key, isPersistent: waiting.isPersistent, cleanStart: waiting.connect.cleanStart)
            state.will = try await keepWill(of: waiting, continuesSession: state.session?.isPresent ?? false)
        } catch let refusal as Refusal {
            state.failure = .willRefused(refusal)
        } catch let failure as LoadedState.Failure {
            state.failure = failure
        } catch {
            services.logger.warning("a client could not be connected: \(error)")
            state.failure = .unavailable
        }
        return state
    }

    func isAdmitted(_ claims: Claims) async throws(DatabaseError) -> Bool {
        if let tokenID = claims.botTokenID {
            return try await services.logins.admit(userID: claims.userID, botTokenID: tokenID)
        }
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
        guard let gone = try await create(id, key) else { throw LoadedState.Failure.tooManySessions }
        if !gone.isEmpty { try await endDelays(ofUser: key.userID) }
        return OpenedSession(stored: StoredSession(id: id), isPresent: false)
    }

    private func create(_ id: Int64, _ key: SessionKey) async throws -> [Int64]? {
        let sessions = services.sessions
        if let gone = try await sessions.create(id: id, user: key.userID, clientID: key.clientID) { return gone }
        // A hub that crashed has left sessions that say they are connected.
        let connected = registry.clientIDs(ofUser: key.userID)
        guard try await sessions.markAbsent(ofUser: key.userID, but: connected) else { return nil }
        return try await sessions.create(id: id, user: key.userID, clientID: key.clientID)
    }

    func read(_ topic: StoredTopic, after seq: Int64, limit: Int) async -> [LogEntry]? {
        await read([LogRead(topic: topic, after: seq, limit: limit)])?[0]
    }

    func read(_ reads: [LogRead]) async -> [[LogEntry]]? {
        do {
            return try await services.log.read(reads)
        } catch {
            let topics = reads.map { "\($0.topic.id)" }.joined(separator: ", ")
            services.logger.warning("the logs of these topics could not be read: \(topics): \(error)")
            return nil
        }
    }

    /// - Parameter filters: those that need a log.
    /// - Returns: their logs; nil if something could not be saved.
    func saveSubscriptions(
        _ id: Int64, _ subscriptions: [StoredSubscription], logged filters: [[UInt8]]
    ) async -> [FilterLog]? {
        do {
            guard !filters.isEmpty else {
                try await services.sessions.save(subscriptions, of: id)
                return []
            }
            let logs = try await services.filterLogs.logs(of: filters, ids: filters.map { _ in services.ids.next() })
            let ends = Dictionary(logs.map { ($0.filter, $0.lastSeq) }) { first, _ in first }
            var subscriptions = subscriptions
            for index in subscriptions.indices { subscriptions[index].logSeq = ends[subscriptions[index].filter] }
            try await services.sessions.save(subscriptions, of: id)
            return logs
        } catch {
            services.logger.warning("subscriptions could not be saved: \(error)")
            return nil
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

    func keep(_ sessions: [Int64]) async {
        do {
            try await services.sessions.keep(sessions)
        } catch {
            services.logger.warning("the expiry of connected sessions could not be moved on: \(error)")
        }
    }

    /// A session's connection has ended: saves what is durable, then lets the next client have it.
    /// - Parameters:
    ///   - previous: what was still being saved.
    ///   - successor: who waits for it and is to be told.
    func finish(
        _ key: SessionKey, _ claim: SessionRegistry.Claim, storedID: Int64,
        state: SessionState, expirySeconds: UInt32, after previous: Task<Void, Never>?, successor: Claimant? = nil
    ) {
        precondition(successor == nil || storedID != 0, "who has nothing stored is passed on at once")
        guard storedID != 0 else {
            registry.release(key, claim)
            return
        }
        saver.begin(claim)
        Task {
            await previous?.value
            do {
                if expirySeconds > 0 {
                    _ = await journal.save(storedID, state)
                    try await services.sessions.leave(storedID, expirySeconds: Int64(expirySeconds))
                } else {
                    try await services.sessions.delete(storedID)
                }
            } catch {
                services.logger.warning("the end of a connection could not be saved: \(error)")
            }
            registry.release(key, claim)
            if let successor { mailroom.post(.released(successor), to: successor.claim.shard) }
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
    /// Times that a connection was read no further because its user published faster than allowed.
    package let throttled = Counter()
    /// CONNECTs for which there were too many connections, of the user or of all.
    package let turnedAway = Counter()
    /// Messages that went from the logs of filters before all sessions had read them.
    package let lost = Counter()
}
