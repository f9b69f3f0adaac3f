import Identity
import MQTT
import Persistence
import Topics
import Transport

/// What a shard is told by other threads.
package enum ShardMail: Sendable {
    /// Entries that are committed; every shard gets all, each picks what concerns its sessions.
    case committed([LogEntry])
    /// What became of publishes that came from this shard.
    case outcomes([(token: UInt64, outcome: AppendOutcome)])
    /// Messages of plain topics, published on another shard.
    case plain([PlainBatch])
    /// A shard that had enough to do with such messages can take more.
    case plainRoom(on: Int)
    /// A will whose client is gone, to be published here.
    case will(id: Int64, PlainMessage)
    /// Another shard has its first subscription, or no more, with this filter.
    case filterAdded(TopicFilter, shard: Int)
    case filterRemoved(TopicFilter, shard: Int)
    /// What concerns shared subscriptions, in the order in which it was said.
    case shares([ShareMail])
    /// A client connects elsewhere under the key of a session here.
    case takeOver(SessionKey, SessionRegistry.Claim, by: Claimant)
    /// The session that a connecting client waits for is saved and free.
    case released(Claimant)
    case loaded(Claimant, LoadedState)
    /// Which user the token of a connecting client means; nil: the database is away.
    case resolved(ConnectionID, Claims?)
    /// Something is left to be done in another turn.
    case nextTurn
    /// A filter of plain topics has a log from now on, or no longer.
    case filterLogAdded(FilterLog)
    case filterLogRemoved(FilterLog)
    /// A shard wants to know from when on others append to a log.
    case logFence(LogFenceMail)
    /// The rows behind a SUBACK or UNSUBACK are committed, with the logs of its filters; nil: they could not be.
    case subscriptionsSaved(session: UInt64, SubscribeAnswer?, logs: [FilterLog]?)
    /// Entries in flight whose filter was unsubscribed; in a log they are no longer to be found.
    case orphansRead(session: UInt64, [(ordinal: Int64, entry: LogEntry)])
    /// States of sessions are committed, or could not be.
    case sessionsSaved([SavedSession], isSaved: Bool)
    /// A token that AUTH brought on a live connection is admitted, or not.
    case reauthenticated(session: UInt64, Reauthentication)
    /// A topic that a service publishes to was looked up.
    case topicFound(session: UInt64, TopicLookup)
    /// What is connected of a user is asked for.
    case describeDevices(user: Int64, Survey<[LiveDevice]>)
    /// A session has been deleted by its user: its connection ends.
    case forgetDevice(SessionKey, Survey<Bool>)
    /// What is there of the entries that were missing before one in a topic; nil: the database is away.
    case gapRead(topicID: Int64, before: Int64, [LogEntry]?)
    /// A log begins with this entry now.
    case trimmed(topicID: Int64, firstSeq: Int64)
    /// A page of the log of a shared subscription; nil: the database is away.
    case shareLogRead(topicID: Int64, after: Int64, entries: [LogEntry]?)
    case logRead(session: UInt64, [CatchUp], pages: [[LogEntry]]?)
    /// A shard wants to know when what was posted here before is handled, and what was published until then.
    case retainedFence(UInt64, from: Int)
    case retainedFenceAnswered(UInt64, by: Int, lastPut: UInt64)
    case retainedRead(RetainedAnswer)
    /// The values under `$SYS`.
    case system([SystemValue])
    case membersCounted(group: Int64, Int, asOf: Int64)
    case signal(Signal)
    case read(ReadReceipt)
    /// The last values that a SUBSCRIBE asked for.
    case presences(session: UInt64, [Signal])
    /// What users have not read; nil: not for one session that asked.
    case unread([UnreadConversation], session: UInt64?)
    /// Log-out or revocation: connections of this log-in session, or of this token of a bot, end.
    case loginSessionRevoked(Int64)
    /// The account is closed or deleted, or an administrator wants it so: all connections of this user end.
    case userEnded(Int64)
    /// The hub stops: tell the clients, save, end.
    case stop
}

/// A read of the log for a cursor that is behind.
package struct CatchUp: Sendable {
    var read: LogRead
    /// The topic's last entry when it was asked: up to there what does not come is not there.
    var head: Int64
}

/// A CONNECT that waits for something.
package struct Claimant: Sendable, Equatable {
    var claim: SessionRegistry.Claim
    var connection: ConnectionID
}

/// What a connecting client needs from PostgreSQL.
package struct LoadedState: Sendable {
    enum Failure: Error {
        case unavailable
        /// The user is disabled or gone, or the log-in session is over.
        case notAuthorized
        case otherUserName
        /// The user has as many sessions as may be, and all are connected.
        case tooManySessions
        case willRefused(Refusal)
    }

    /// nil: they were not asked for.
    var rights: UserRights?
    /// nil: a session that ends with its connection.
    var session: OpenedSession?
    /// nil: it has none.
    var will: KeptWill?
    var failure: Failure?
}

/// A message of a plain topic on its way to another shard.
package struct PlainMessage: Sendable {
    var topic: [UInt8]
    var payload: [UInt8]
    var qos: QoS
    var retain: Bool
    /// Raw MQTT 5 properties that go with it.
    var forwarded: [UInt8]
    /// Unix milliseconds; 0: never.
    var expiresAt: Int64 = 0
    /// Who published it; an empty client id: the hub.
    var publisher = SessionKey(userID: 0, clientID: [])

    /// What it costs to hold it.
    var heldBytes: Int { 128 + topic.count + payload.count + forwarded.count }
}
