/// What a persistent session has under way; saved whole, so that its parts always fit each other.
package struct SessionState: Sendable, Equatable {
    package var cursors: [Cursor] = []
    /// Ascending by ordinal.
    package var deliveries: [Delivery] = []
    /// Of the next delivery.
    package var nextOrdinal: Int64 = 0
    package var exchanges: [Exchange] = []
    /// Of deliveries that no log has, ascending by ordinal.
    package var packets: [Packet] = []
    /// Entries of shared subscriptions are among the deliveries: a start looks for the sessions that have such. Not read back.
    package var holdsShared = false

    package init() {}

    package init(
        cursors: [Cursor], deliveries: [Delivery] = [], nextOrdinal: Int64 = 0, exchanges: [Exchange] = [],
        packets: [Packet] = []
    ) {
        self.packets = packets
        self.cursors = cursors
        self.deliveries = deliveries
        self.nextOrdinal = nextOrdinal
        self.exchanges = exchanges
    }

    /// An encoded PUBLISH.
    package struct Packet: Sendable, Equatable {
        package var ordinal: Int64
        package var isVersion5: Bool
        package var bytes: [UInt8]

        package init(ordinal: Int64, isVersion5: Bool, bytes: [UInt8]) {
            self.ordinal = ordinal
            self.isVersion5 = isVersion5
            self.bytes = bytes
        }
    }

    /// An entry that was sent to the client and is not behind the session's cursor yet. Its packet identifier follows from its ordinal.
    package struct Delivery: Sendable, Equatable {
        package enum Progress: UInt8, Sendable {
            /// PUBLISH may have been sent.
            case sent = 0
            /// QoS 2: the client has the message; PUBREL may have been sent.
            case released = 1
            /// Complete, but something before it is not.
            case done = 2
        }

        package var ordinal: Int64
        package var topicID: Int64
        package var seq: Int64
        package var isExactlyOnce: Bool
        package var progress: Progress

        package init(ordinal: Int64, topicID: Int64, seq: Int64, isExactlyOnce: Bool, progress: Progress) {
            self.ordinal = ordinal
            self.topicID = topicID
            self.seq = seq
            self.isExactlyOnce = isExactlyOnce
            self.progress = progress
        }
    }

    /// A QoS 2 publish of the client between PUBLISH and PUBREL.
    package struct Exchange: Sendable, Equatable {
        package var packetID: UInt16
        /// The id of the entry that it becomes.
        package var entryID: Int64
        /// Live subscribers have it.
        package var isPublished: Bool

        package init(packetID: UInt16, entryID: Int64, isPublished: Bool) {
            self.packetID = packetID
            self.entryID = entryID
            self.isPublished = isPublished
        }
    }
}
