import Diagnostics
import Identity
import Persistence
import Topics

/// A session's durable state as a connecting client finds it.
package struct OpenedSession: Sendable {
    var stored: StoredSession
    /// It was there before: CONNACK's session present.
    var isPresent: Bool
}

/// The durable sessions as the broker sees them; tests replace them by memory.
package protocol SessionSource: Sendable {
    func load(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> StoredSession?
    /// Makes an empty session in place of any under the same key.
    /// - Returns: sessions of the user that had to go to make room; nil: there is none, since as many as may be are connected.
    func create(id: Int64, user: Int64, clientID: [UInt8]) async throws -> [Int64]?
    /// The user's sessions but those with these client ids are not connected, whatever their rows say.
    /// - Returns: whether there were such.
    func markAbsent(ofUser user: Int64, but connected: [[UInt8]]) async throws(DatabaseError) -> Bool
    /// Discards what is there under the key.
    func discard(user: Int64, clientID: [UInt8]) async throws(DatabaseError)
    func save(_ subscriptions: [StoredSubscription], of session: Int64) async throws(DatabaseError)
    func deleteSubscriptions(_ filters: [[UInt8]], of session: Int64) async throws(DatabaseError)
    func save(_ sessions: [(id: Int64, state: SessionState)]) async throws(DatabaseError)
    /// The connection is gone: from now on the session may expire.
    func leave(_ session: Int64, expirySeconds: Int64) async throws(DatabaseError)
    func delete(_ session: Int64) async throws(DatabaseError)
    /// Connected sessions don't expire; to be said every few days.
    func keep(_ sessions: [Int64]) async throws(DatabaseError)
    /// Sessions that have no connection.
    func countAbsent() async throws(DatabaseError) -> Int
    /// Deletes the session under this key.
    /// - Returns: whether there was one.
    func forget(user: Int64, clientID: [UInt8]) async throws(DatabaseError) -> Bool
}

extension SessionStore: SessionSource {}

/// The logs of filters on plain topics as the broker sees them; tests replace them by memory.
package protocol FilterLogSource: Sendable {
    /// The logs of these filters; those that are missing are made, with the given ids.
    func logs(of filters: [[UInt8]], ids: [Int64]) async throws -> [FilterLog]
    /// Stores how far shared subscriptions have come, by topic id of their logs.
    /// - Returns: those that are stored, or whose log is gone.
    func save(_ consumptions: [Int64: Consumption]) async throws(DatabaseError) -> [Int64]
}

extension FilterLogStore: FilterLogSource {}

/// The log-in sessions that access tokens belong to.
package protocol LoginSource: Sendable {
    /// Whether the session is live; a token's first use spends the refresh tokens before it.
    func admit(userID: Int64, sessionID: Int64, accessExpiresAt: Int64) async throws(DatabaseError) -> Bool
    /// Whether a bot's token is not revoked.
    func admit(userID: Int64, botTokenID: Int64) async throws(DatabaseError) -> Bool
}

extension LoginSessionStore: LoginSource {}

/// Who may read and write what, loaded when a user connects.
package protocol RightsSource: Sendable {
    func loadRights(userID: Int64) async throws(DatabaseError) -> UserRights?
    /// As of an entry of its log; nil: there is no such group.
    func memberCount(of group: Int64) async throws(DatabaseError) -> (members: Int, seq: Int64)?
    /// A stored topic, whoever may read it; nil: there is none.
    func topic(at address: TopicAddress) async throws(DatabaseError) -> FoundTopic?
}

extension DirectoryStore: RightsSource {}

/// Read marks, and when users were last there.
package protocol ReadMarkSource: Sendable {
    func markRead(_ topic: StoredTopic, upTo seq: Int64, by userID: Int64) async throws(DatabaseError)
    func noteLastSeen(_ userID: Int64, at milliseconds: Int64) async throws(DatabaseError)
    func lastSeen(of users: [Int64]) async throws(DatabaseError) -> [Int64: Int64]
}

extension ReadMarkStore: ReadMarkSource {}

/// Everything outside of the broker that its shards use.
package struct HubServices: Sendable {
    package var log: any MessageLog
    package var sessions: any SessionSource
    package var filterLogs: any FilterLogSource
    package var wills: any WillSource
    package var rights: any RightsSource
    package var logins: any LoginSource
    package var reads: any ReadMarkSource
    package var unread: any UnreadSource
    package var retained: any RetainedSource
    package var tokens: TokenVerifier
    package var outsiders: OutsideUsers
    package var ids: IDGenerator
    package var logger: Logger
    /// Unix milliseconds.
    package var wallMilliseconds: @Sendable () -> Int64

    package init(
        log: any MessageLog, sessions: any SessionSource, filterLogs: any FilterLogSource, wills: any WillSource,
        retained: any RetainedSource, rights: any RightsSource, logins: any LoginSource, reads: any ReadMarkSource,
        unread: any UnreadSource, tokens: TokenVerifier, outsiders: OutsideUsers, ids: IDGenerator, logger: Logger,
        wallMilliseconds: @escaping @Sendable () -> Int64
    ) {
        self.log = log
        self.sessions = sessions
        self.filterLogs = filterLogs
        self.wills = wills
        self.rights = rights
        self.logins = logins
        self.reads = reads
        self.unread = unread
        self.retained = retained
        self.tokens = tokens
        self.outsiders = outsiders
        self.ids = ids
        self.logger = logger
        self.wallMilliseconds = wallMilliseconds
    }
}
