/// The broker's limits, each with its reason.
package enum Limits {
    /// Until CONNECT is accepted nobody may make us hold more (security.md "Before CONNECT").
    static let packetBytesMaxBeforeConnect = 64 * 1024
    /// Told in CONNACK; a message's text is at most 16 KiB, so this is room for plain topics.
    static let packetBytesMax = 1024 * 1024
    /// Time for TLS, CONNECT and the answer to it.
    static let connectMilliseconds: Int64 = 10_000
    /// Tokens verified in one turn, each 0.1 ms of CPU: a storm of CONNECTs must not hold up those who are connected.
    static let verificationsPerTurn = 8
    /// Clients of a shard for which the database is asked at a time; their questions go in batches of about so many.
    static let clientsLoadingMax = 64
    /// The keep-alive that clients of MQTT 5 are told to use if they ask for more or none; 0: the client's wish stands. That is what its users
    /// expect, and 3.1.1 can't be told anything else.
    static let keepAliveSecondsMax: UInt16 = 0
    /// A client without credentials is held by nothing but its connection: one that is dead goes within 90 s. None stays none.
    static let anonymousKeepAliveSecondsMax: UInt16 = 60
    /// PUBLISH packets of QoS 1 and 2 that a client may have without our PUBACK or PUBCOMP: a batch of the log.
    static let receiveMaximum: UInt16 = 1024
    /// Topic aliases that a client may set: enough for a bot's busiest topics, at most 1 MiB of names.
    static let topicAliasMaximum = 16
    /// Topic aliases that the hub sets for a client, if that takes so many: its busiest topics, with 16 KiB of names at most.
    static let sentTopicAliasesMax = 16
    static let aliasedTopicBytesMax = 1_024
    /// PUBLISH packets of QoS 1 and 2 that we send without a PUBACK or PUBCOMP, if the client allows: what one round trip needs at full speed.
    static let inFlightMax = 1024
    /// The same where nothing of it is ever saved: what many publishers send to one subscriber in a turn. Each takes 16 bytes.
    static let transientInFlightMax = inFlightSpanMax
    /// Items from the oldest delivery that is not complete to the newest.
    static let inFlightSpanMax = 8 * 1024
    /// PUBLISH packets of one client that wait for its session to be saved; beyond it is read no further.
    static let heldBytesMax = 1024 * 1024
    /// Packets in flight that a persistent session keeps, since no log has them.
    static let keptBytesMax = 1024 * 1024
    /// Messages of plain topics that wait for one slow subscriber; older ones are kept, newer ones dropped and counted.
    static let queuedBytesMax = 8 * 1024 * 1024
    /// What a message that waits takes beside its frame.
    static let queuedOverheadBytes = 96
    /// Messages of plain topics that were handed over to another shard and are not delivered there; who publishes more waits. For 500 subscribers
    /// that is half a second of work if they are short.
    static let plainBacklogBytesMax = 1024 * 1024
    /// Messages that wait for some member of a shared subscription.
    static let shareWaitingMax = 10_000
    /// Messages that one member of a shared subscription has without acknowledgement: enough to keep it busy over a slow line, few
    /// enough that those of a member that fails are soon with others.
    static let shareOutstandingMax = 128
    /// The same in bytes, as its home keeps them until they are acknowledged.
    static let shareMemberBytesMax = 1024 * 1024
    /// Messages of a shared subscription that some members can't take and that wait for others; each is compared with each member.
    static let shareAwkwardMax = 100
    /// Members that a message is offered to which can't take it.
    static let shareRefusalsMax = 16
    /// Messages that a shared subscription with a log holds for its members beside those that they have: what two reads of the log bring. The
    /// rest stays in the log.
    static let shareAheadMax = 2 * catchUpEntriesMax
    static let shareAheadBytesMax = 1024 * 1024
    /// What all shared subscriptions of a shard hold together; each may hold the second in any case.
    static let shareShardBytesMax = 64 * 1024 * 1024
    static let shareGroupBytesMin = 64 * 1024
    /// Subscribers that get an entry in one turn, each at 5 µs of CPU; the others of a large group have the next turns.
    static let fanoutStep = 64
    /// Entries on their way to large groups; beyond it they are delivered at once.
    static let fanoutsMax = 64
    /// Absence after which a persistent session goes (protocol.md §4).
    static let sessionExpirySecondsMax: UInt32 = 30 * 24 * 3600
    /// Above so many members nobody is told who types and who has read.
    static let signalMembersMax = 100
    /// A typing signal that says the same as the last one is dropped for so long.
    static let typingMilliseconds: Int64 = 2_000
    /// Above so many members nobody is notified of messages unless mentioned.
    static let noticeMembersMax = 200
    /// A user is notified of a conversation once in this time.
    static let noticeMilliseconds: Int64 = 1_000
    /// Users and conversations that a shard remembers for that time, with some 100 bytes each; the rest is not notified.
    static let noticesMax = 50_000
    /// Of these, how many are asked for at once.
    static let noticesPerReadMax = 256
    /// Conversations with unread messages that a client hears of when it subscribes to its inbox.
    static let noticesAtSubscribeMax = 100
    /// Entries in one read of the log for a session that is behind.
    static let catchUpEntriesMax = 100
    /// Entries that are committed and not announced in this time will not be: a connection to the database broke between the two.
    static let gapMilliseconds: Int64 = 2_000
    /// Removals are remembered so long: an admission from before may be announced as late as `DomainContext` learns that it was committed,
    /// which takes 20 questions to the database of up to 40 s each.
    static let lossesMilliseconds: Int64 = 15 * 60 * 1000
    /// Recent entries of a topic kept for those who are a little behind.
    static let recentEntriesMax = 128
    static let recentBytesMax = 32 * 1024
    /// One step of reading retained messages: so many topics of a walk, messages to deliver, bytes of either (and one message more).
    static let retainedTopicsMax = 1_000
    static let retainedMessagesMax = 256
    static let retainedBytesMax = 256 * 1024
    /// A read of retained messages waits until so much of the window is free, or half of it.
    static let retainedWindowMin = 32
    /// Such reads that a shard has under way: a storm of SUBSCRIBEs must not take all connections to the database.
    static let retainedReadsMax = 2
    /// Before the next one when the database is away.
    static let retainedPauseMilliseconds: Int64 = 1_000
    /// How long a publisher of 3.1.1 waits for a database that is away (protocol.md §3 "Refusals").
    static let unavailableMilliseconds: Int64 = 30_000
    /// Cursors of connected sessions are saved this often.
    static let cursorSaveMilliseconds: Int64 = 2_000
    /// A session expires 30 days after it was last heard of, so a connected one is named once a day.
    static let sessionKeepMilliseconds: Int64 = 24 * 3600 * 1000
    /// The table of wills is looked at no more often than this for those whose delay has run out.
    static let willPollMilliseconds: Int64 = 1_000
    /// Wills that are read at once, each up to 64 KiB, and that are being sent at once: the database has other things to do, too.
    static let willsPerRead = 64
    static let willsUnderWayMax = 256
    /// What is under `$SYS` is made anew this often, as mosquitto does.
    static let statisticsMilliseconds: Int64 = 10_000
    /// Tokens without a log-in session end their connection within 5 s of their expiry.
    static let tokenCheckMilliseconds: Int64 = 2_000
    /// A client id may be this long; 3.1 allows 23, everything later more.
    static let clientIDBytesMax = 256
    static let subscriptionsMax = 1_000
    /// Subjects of outside issuers whose users are remembered, with some 100 bytes each; the others cost a question to the database.
    static let knownSubjectsMax = 20_000
    /// Filters of one SUBSCRIBE that are looked at: as many as can be granted, and as many again that are named twice.
    static let filtersPerPacketMax = 2 * subscriptionsMax
    /// SUBSCRIBE, UNSUBSCRIBE and AUTH of one client that wait for the database; beyond it is read no further until half of them are answered.
    static let requestsMax = 16
    /// protocol.md §2
    package static let textBytesMax = 16_384
    package static let attachmentsMax = 10
    package static let mentionsMax = 50
    package static let customBytesMax = 4_096
    package static let clientRefBytesMax = 64
    package static let emojiBytesMax = 32
}
