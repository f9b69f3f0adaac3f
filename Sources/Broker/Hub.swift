import Diagnostics
import Identity
import Persistence
import Synchronization
import Topics
import Transport

/// What the shards share: their mailboxes, the registry of sessions, the services outside. Everything here may be used on any thread.
package final class Hub: Sendable {
    package struct Settings: Sendable {
        /// CONNECT without credentials opens all plain topics (`--anonymous`).
        package var allowsAnonymous: Bool

        package init(allowsAnonymous: Bool) { self.allowsAnonymous = allowsAnonymous }
    }

    package let services: HubServices
    package let settings: Settings
    package let metrics = HubMetrics()
    let registry = SessionRegistry()
    let saver = SessionSaver()
    private let post: @Sendable (ShardMail, Int) -> Void
    package let shardCount: Int

    /// - Parameter post: puts mail into the mailbox of the shard with that index.
    package init(
        services: HubServices, settings: Settings, shardCount: Int, post: @escaping @Sendable (ShardMail, Int) -> Void
    ) {
        precondition(1...64 ~= shardCount, "routes hold a bit for each shard")
        self.services = services
        self.settings = settings
        self.shardCount = shardCount
        self.post = post
    }

    func post(_ mail: ShardMail, to shard: Int) { post(mail, shard) }

    func postToOthers(_ mail: ShardMail, from shard: Int) {
        for other in 0..<shardCount where other != shard { post(mail, other) }
    }

    func makeClientID() -> [UInt8] { Array("auto-\(services.ids.next())".utf8) }

    // MARK: Reading and saving

    func load(
        _ key: SessionKey, _ claims: Claims?, isPersistent: Bool, cleanStart: Bool, expirySeconds: UInt32
    ) async -> LoadedState {
        var state = LoadedState()
        do {
            if let claims {
                let rights = try await services.rights.loadRights(userID: claims.userID, sessionID: claims.sessionID)
                guard let rights, rights.isEnabled, rights.isSessionLive else {
                    state.failure = .notAuthorized
                    return state
                }
                state.rights = rights
            }
            if isPersistent {
                state.session = try await services.sessions.open(
                    key, cleanStart: cleanStart, expirySeconds: expirySeconds)
            } else {
                try await services.sessions.discard(key)
            }
        } catch {
            services.logger.warning("a client could not be connected: \(error)")
            state.failure = .unavailable
        }
        return state
    }

    func read(_ topic: StoredTopic, after seq: Int64) async -> [LogEntry]? {
        do {
            return try await services.log.read(topic, after: seq, limit: Limits.catchUpEntriesMax)
        } catch {
            services.logger.warning("the log of topic \(topic.id) could not be read: \(error)")
            return nil
        }
    }

    func saveSubscriptions(
        _ id: Int64, _ subscriptions: [([UInt8], UInt8, UInt32)], cursors: [(topicID: Int64, acknowledged: Int64)]
    ) async -> Bool {
        do {
            for (filter, options, identifier) in subscriptions {
                try await services.sessions.saveSubscription(id, filter: filter, options: options, identifier: identifier)
            }
            try await services.sessions.saveCursors([(id, cursors)])
            return true
        } catch {
            services.logger.warning("subscriptions could not be saved: \(error)")
            return false
        }
    }

    func removeSubscriptions(_ id: Int64, _ filters: [[UInt8]]) async -> Bool {
        do {
            for filter in filters { try await services.sessions.removeSubscription(id, filter: filter) }
            return true
        } catch {
            services.logger.warning("subscriptions could not be removed: \(error)")
            return false
        }
    }

    /// A lost save only means that some messages come again.
    func saveCursors(_ cursors: [(id: Int64, cursors: [(topicID: Int64, acknowledged: Int64)])]) async {
        do {
            try await services.sessions.saveCursors(cursors)
        } catch {
            services.logger.warning("cursors could not be saved: \(error)")
        }
    }

    /// A session's connection has ended: saves what is durable, then lets the next client have it.
    func finish(
        _ key: SessionKey, _ claim: SessionRegistry.Claim, storedID: Int64,
        cursors: [(topicID: Int64, acknowledged: Int64)], expirySeconds: UInt32
    ) {
        guard storedID != 0 else {
            registry.release(key, claim)
            return
        }
        saver.begin(claim)
        Task {
            if expirySeconds > 0 { await saveCursors([(storedID, cursors)]) }
            do {
                try await services.sessions.disconnected(storedID, expirySeconds: expirySeconds)
            } catch {
                services.logger.warning("the end of a connection could not be saved: \(error)")
            }
            registry.release(key, claim)
            saver.finish(claim)
        }
    }
}

extension Hub: CommitObserver, OutcomeObserver {
    package func committed(_ entries: [LogEntry]) {
        for shard in 0..<shardCount { post(.committed(entries), shard) }
    }

    package func outcomes(_ outcomes: [(token: UInt64, outcome: AppendOutcome)], forShard index: Int) {
        post(.outcomes(outcomes), index)
    }

    /// Log-out, revocation: live connections of that log-in session end.
    package func loginSessionRevoked(_ sessionID: Int64) {
        for shard in 0..<shardCount { post(.loginSessionRevoked(sessionID), shard) }
    }

    /// True once no session's end is still being saved.
    package var isSaved: Bool { saver.isIdle }
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
