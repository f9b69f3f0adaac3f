import Identity
import MQTT
import Memory
import Persistence
import Topics
import Transport

/// A live session: a client and its connection. It belongs to one shard; an offline session is rows in PostgreSQL and nothing here.
struct Session {
    struct Subscribed {
        var filter: TopicFilter
        var options: SubscriptionOptions
        /// 0: none.
        var identifier: UInt32
        /// What matches it at QoS 1 and 2 comes from the log of its filter: a persistent session has its cursor there, or will have it before
        /// it hears of the subscription. One that is lowered to QoS 0 stays so for as long as the connection lives.
        var isLogged = false

        var stored: StoredSubscription {
            StoredSubscription(filter: filter.bytes, options: options.rawValue, identifier: identifier)
        }
    }

    /// A message of a plain topic that waits for room in the window.
    struct Queued {
        var frame: [UInt8]
        var packetIDOffset: Int
        var qos: QoS
        /// Unix milliseconds; 0: never.
        var expiresAt: Int64 = 0

        /// With what is around the frame.
        var heldBytes: Int { frame.count + Limits.queuedOverheadBytes }

        /// The frame as it is to be sent now; nil: the message is over.
        func frame(_ version: ProtocolVersion, now: @autoclosure () -> Int64) -> [UInt8]? {
            guard let expiry = Expiry(waited: expiresAt, now: now()) else { return nil }
            guard let seconds = expiry.seconds, version == .v5 else { return frame }
            var frame = frame
            ServerPacket.patchMessageExpiry(seconds, in: &frame, packetIDAt: packetIDOffset)
            return frame
        }
    }

    var key: SessionKey
    var claim: SessionRegistry.Claim
    /// Tells users of a slot apart, 20 bits.
    var generation: UInt32
    var connection: ConnectionID
    var version: ProtocolVersion
    /// The user in the shard's table; -1: anonymous.
    var user: Int32
    /// Its log-in session, or its bot's token, which `tokenExpiresAt` tells apart.
    var revocableID: Int64?
    /// Unix seconds; 0: the log-in session says when the connection ends.
    var tokenExpiresAt: Int64
    var rules: AccessRules
    /// `$SYS` is for tokens with scope `admin`.
    var mayReadSystem = false
    /// The token has an `acl` and the scope `service`: then the `acl` is about reserved topics, too.
    var opensReserved = false
    var opened = OpenedTopics()
    /// Unix milliseconds.
    var connectedAt: Int64 = 0
    /// The row in `mqtt_sessions`; 0: the session ends with its connection.
    var storedID: Int64
    var expirySeconds: UInt32
    /// nil: none.
    var will: KeptWill?
    /// 0: none.
    var keepAliveMilliseconds: Int64
    var receiveMaximum: Int
    var packetBytesMax: Int
    var wantsProblemInformation: Bool

    var subscriptions: [Subscribed] = []
    var cursors: [LogCursor] = []
    /// Cursors that have to read the log.
    var behind: [Int32] = []
    /// A read of the log is under way.
    var isReadingLog = false
    var cursorsChanged = false
    /// Counts changes that must be saved before something is done.
    var revision: UInt32 = 0
    /// Changes up to this one are saved.
    var savedRevision: UInt32 = 0
    var held = HeldActions()
    /// At the end of the turn, or of the save that is under way.
    var isSaveRequested = false
    var isSaving = false
    /// The last change of subscriptions that is being saved: the next waits for that, or the older could win.
    var lastSave: Task<Void, Never>?
    /// How many such are under way.
    var savesCount = 0
    /// Tokens of AUTH that are being looked up.
    var authenticationsCount = 0
    /// After SUBSCRIBE: the user itself, if it is to hear what is unread, and those whose presence it is to hear.
    var unreadQuestions = SessionQuestions()
    var presenceQuestions = SessionQuestions()
    var copies = Copies()
    var kept = KeptFrames()
    var inFlight = InFlight()
    var acknowledgements = PendingAcknowledgements()
    /// It published when much waited to be committed, and is read no further for a while.
    var isHeldBack = false
    /// A bit for each shard that has not delivered yet what it published there, for which it is read no further.
    var aheadOf: UInt64 = 0
    /// What its user may publish; nil: without limit.
    var allowance: PublishAllowance?
    /// It published faster than its user may, and is read no further for a while.
    var isThrottled = false
    var inbound = InboundExchanges()
    var queue = Queue<Queued>()
    /// What the queue holds; 0: nothing.
    var queuedBytes = 0
    var retained = RetainedReplay()
    var shares = SessionShares()
    var route = Route()
    /// Topics behind the client's aliases, 1 first; empty: not set.
    var aliases: [[UInt8]] = []
    /// Those that we have set for it.
    var sentAliases: TopicAliases
    /// MQTT 5 enhanced authentication was used at CONNECT, so AUTH may follow.
    var hasAuthenticationMethod = false

    init(
        key: SessionKey, claim: SessionRegistry.Claim, generation: UInt32, connection: ConnectionID, connect: Connect,
        rules: AccessRules
    ) {
        self.key = key
        self.claim = claim
        self.generation = generation
        self.connection = connection
        self.rules = rules
        version = connect.version
        user = -1
        tokenExpiresAt = 0
        storedID = 0
        expirySeconds = 0
        keepAliveMilliseconds = Int64(connect.keepAliveSeconds) * 1500
        receiveMaximum = min(
            Int(connect.receiveMaximum),
            connect.sessionExpirySeconds > 0 ? Limits.inFlightMax : Limits.transientInFlightMax)
        packetBytesMax = connect.packetBytesMax
        wantsProblemInformation = connect.requestProblemInformation
        sentAliases = TopicAliases(maximum: connect.topicAliasMaximum)
    }

    /// Leaves an empty slot, whose stale tokens mean nobody.
    mutating func forget() {
        generation = 0
        storedID = 0
        will = nil
        tokenExpiresAt = 0
        revocableID = nil
        opened = OpenedTopics()
        opensReserved = false
        user = -1
        cursorsChanged = false
        isHeldBack = false
        aheadOf = 0
        allowance = nil
        isThrottled = false
        revision = 0
        savedRevision = 0
        held = HeldActions()
        isSaveRequested = false
        isSaving = false
        copies = Copies()
        kept = KeptFrames()
        subscriptions = []
        cursors = []
        behind = []
        inFlight = InFlight()
        acknowledgements = PendingAcknowledgements()
        inbound = InboundExchanges()
        queue = Queue()
        queuedBytes = 0
        retained = RetainedReplay()
        shares = SessionShares()
        lastSave = nil
        savesCount = 0
        authenticationsCount = 0
        unreadQuestions = SessionQuestions()
        presenceQuestions = SessionQuestions()
        route = Route()
        aliases = []
        sentAliases = TopicAliases(maximum: 0)
    }

    var takesAliases: Bool { sentAliases.maximum > 0 }

    var loginSessionID: Int64? { tokenExpiresAt == 0 ? revocableID : nil }

    /// Room for one more PUBLISH of QoS 1 or 2.
    var hasWindow: Bool { inFlight.outstanding < receiveMaximum && !inFlight.isFull }

    /// For how many more.
    var window: Int { min(receiveMaximum - inFlight.outstanding, Limits.inFlightSpanMax - inFlight.count) }

    /// Publishes of QoS 1 and 2 that the client may count against our receive maximum: no PUBACK or PUBCOMP was sent.
    var unansweredCount: Int { waitingCount + inbound.arrivedCount }

    /// Of these, those that wait for us. (The others wait for the client, which must be read for that.)
    var waitingCount: Int { acknowledgements.count + held.answersCount + opened.answersCount }

    /// Packets other than PUBLISH whose answers wait for the database.
    var requestsCount: Int { savesCount + held.subscribeAnswersCount + authenticationsCount }

    /// It outlives its connection.
    var isPersistent: Bool { storedID != 0 }

    var slot: Int32 { connection.slot }
}

/// Where the last topic that a session published to leads: found once for a run of messages.
struct Route {
    /// What a delivery needs to know of a session, so that it does not have to look at it.
    struct Target {
        var session: Int32
        /// Of its connection.
        var slot: Int32
        var isVersion5: Bool
        var takesAliases: Bool
        var packetBytesMax: Int
        /// The subscription's.
        var qos: QoS
        var noLocal: Bool
        var retainAsPublished: Bool
        /// A persistent session: what is published at QoS 1 or 2 reaches it through a log.
        var isLogged: Bool
        /// Index into `identifiers`; -1: none.
        var identifiers: Int32
    }

    /// Shared subscriptions that match.
    struct Share {
        /// The shard that decides about them.
        var home: Int
        var filters: [TopicFilter] = []
        /// Those of them that have no log: they get what is published at QoS 1 and 2, too.
        var liveFilters: [TopicFilter] = []
    }

    var topic: [UInt8] = []
    /// Of the shard's index when the route was found; 0: never.
    var generation: UInt32 = 0
    var targets: [Target] = []
    var identifiers: [[UInt32]] = []
    /// A bit for each other shard with a matching filter.
    var shards: UInt64 = 0
    /// Topic ids of the logs of matching filters.
    var logs: [Int64] = []
    var shares: [Share] = []
    var mayPublish = false
    /// Some session has matching subscriptions with No Local and without.
    var mixesNoLocal = false

    /// Nothing has to be kept, and no shared subscription matches.
    var isLocal: Bool { logs.isEmpty && shares.isEmpty }

    /// A bit for each shard that a message may go to; those with shared subscriptions, too.
    var allShards: UInt64 { shares.reduce(shards) { $0 | 1 << UInt64($1.home) } }
}

extension SubscriptionOptions {
    /// From the byte that was stored, as `rawValue` made it.
    init?(stored byte: UInt8) {
        guard let qos = QoS(rawValue: byte & 3), let handling = RetainHandling(rawValue: byte >> 4) else { return nil }
        self.init(qos: qos, noLocal: byte & 4 != 0, retainAsPublished: byte & 8 != 0, retainHandling: handling)
    }
}
