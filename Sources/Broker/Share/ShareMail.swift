import MQTT
import Persistence
import Topics

/// A session that takes part in shared subscriptions, wherever it is: its shard, and its token there.
package struct ShareMember: Hashable, Sendable {
    var shard: Int
    var session: UInt64
}

/// A message on its way to one member of a group.
package struct SharedMessage: Sendable {
    /// Counts the group's messages: what comes back stands where it stood. Those of a log are positive; handed over live, they are
    /// negative, as they are older than whatever comes from the log.
    var number: Int64
    var message: PlainMessage
    /// Where it stands in the group's log; nil: it was handed over live.
    var entry: Entry?
    /// Members that can never take it.
    var refusedBy: [ShareMember] = []

    struct Entry: Sendable, Equatable {
        var topicID: Int64
        var seq: Int64
    }

    var isLogged: Bool { entry != nil }

    /// What it costs to hold it.
    var heldBytes: Int { message.heldBytes }
}

/// Why a member does not take a message that its group gave it.
package enum ShareRefusal: Sendable {
    /// The session, or its subscription, is no longer there.
    case gone
    /// Its client does not read. Nothing more comes until it is `reopened`.
    case congested
    /// There are as many messages without acknowledgement as the client allows. None of QoS 1 and 2 comes until it is `reopened`.
    case noWindow
    /// It may not have this message, or the packet is larger than it takes: it never will.
    case unfit
}

/// What the home of shared subscriptions and the shards of their members tell each other. Between two shards it arrives in the order in
/// which it was sent.
package enum ShareMail: Sendable {
    // To the home.

    case publish(PlainMessage, [TopicFilter])
    case join(TopicFilter, ShareMember, qos: QoS, limit: Int)
    /// UNSUBSCRIBE: nothing new comes to it; what it was sent, it may still acknowledge [MQTT-3.10.4-3].
    case detach(TopicFilter, ShareMember)
    /// The connection has ended.
    /// - Parameter exactlyOnce: the messages of QoS 2 that it was sent: nobody else may get them [MQTT-4.8.2-5].
    case leave(TopicFilter, ShareMember, exactlyOnce: [Int64])
    /// The delivery is complete, or the client has refused it, which also ends it [MQTT-4.8.2-6].
    case settled(TopicFilter, ShareMember, number: Int64)
    /// The member lost the right to a message before that was sent.
    case givenBack(TopicFilter, ShareMember, number: Int64)
    case refused(ShareDelivery, ShareRefusal)
    /// - Parameter room: for how many messages of QoS 1 and 2.
    case reopened(TopicFilter, ShareMember, room: Int)
    /// An entry has come to the end of the group's log.
    case committed(TopicFilter, LogEntry)

    // To a member's shard.

    case deliver(ShareDelivery)
}

extension [ShareMail] {
    /// What was published takes so much; all else is answers, of which there are no more than messages.
    var heldBytes: Int {
        reduce(0) { bytes, mail in
            guard case .publish(let message, _) = mail else { return bytes }
            return bytes + message.heldBytes
        }
    }
}

package struct ShareDelivery: Sendable {
    var filter: TopicFilter
    var home: Int
    var member: ShareMember
    var shared: SharedMessage
    /// The home waits to hear what became of it; else QoS 0 is enough for this member.
    var isTracked: Bool
}
