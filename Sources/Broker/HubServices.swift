import Diagnostics
import Identity
import Persistence

/// A session's durable state as a connecting client finds it.
package struct OpenedSession: Sendable {
    package var id: Int64
    /// It was there before: CONNACK's session present.
    package var isPresent: Bool
    package var subscriptions: [(filter: [UInt8], options: UInt8, identifier: UInt32)]
    package var cursors: [(topicID: Int64, acknowledged: Int64)]

    package init(
        id: Int64, isPresent: Bool, subscriptions: [(filter: [UInt8], options: UInt8, identifier: UInt32)],
        cursors: [(topicID: Int64, acknowledged: Int64)]
    ) {
        self.id = id
        self.isPresent = isPresent
        self.subscriptions = subscriptions
        self.cursors = cursors
    }
}

/// The durable sessions as the broker sees them; tests replace them by memory.
package protocol SessionSource: Sendable {
    /// Finds or makes the session. `cleanStart` discards what was there.
    func open(_ key: SessionKey, cleanStart: Bool, expirySeconds: UInt32) async throws(DatabaseError) -> OpenedSession
    /// Discards a session that a client without persistence takes over.
    func discard(_ key: SessionKey) async throws(DatabaseError)
    func saveSubscription(
        _ id: Int64, filter: [UInt8], options: UInt8, identifier: UInt32) async throws(DatabaseError)
    func removeSubscription(_ id: Int64, filter: [UInt8]) async throws(DatabaseError)
    func saveCursors(
        _ sessions: [(id: Int64, cursors: [(topicID: Int64, acknowledged: Int64)])]) async throws(DatabaseError)
    /// The connection is gone: from now on the session may expire. 0: it ends.
    func disconnected(_ id: Int64, expirySeconds: UInt32) async throws(DatabaseError)
}

/// Who may read and write what, loaded when a user connects.
package protocol RightsSource: Sendable {
    func loadRights(userID: Int64, sessionID: Int64?) async throws(DatabaseError) -> UserRights?
}

/// Everything outside of the broker that its shards use.
package struct HubServices: Sendable {
    package var log: any MessageLog
    package var sessions: any SessionSource
    package var rights: any RightsSource
    package var tokens: TokenAuthority
    package var ids: IDGenerator
    package var logger: Logger
    /// Unix milliseconds.
    package var wallMilliseconds: @Sendable () -> Int64

    package init(
        log: any MessageLog, sessions: any SessionSource, rights: any RightsSource, tokens: TokenAuthority, ids: IDGenerator,
        logger: Logger, wallMilliseconds: @escaping @Sendable () -> Int64
    ) {
        self.log = log
        self.sessions = sessions
        self.rights = rights
        self.tokens = tokens
        self.ids = ids
        self.logger = logger
        self.wallMilliseconds = wallMilliseconds
    }
}
