import Topics

/// What a shard has to do with shared subscriptions: those that it is the home of, and those that its sessions take part in.
struct ShareTable {
    /// At home here.
    var groups: [TopicFilter: ShareGroup] = [:]
    /// In all of them.
    var heldBytes = 0
    /// Of the next message that is handed over live to a group here.
    private var nextLiveNumber = Int64.min
    /// For the shared subscriptions at home here that are served from a log, whether they have members now or not.
    var logs: [TopicFilter: ShareLog] = [:]
    /// By topic id.
    var logFilters: [Int64: TopicFilter] = [:]
    /// Something is done with that was not yet said to be saved.
    var changedLogs: Set<TopicFilter> = []
    /// Reading these has failed.
    var stalledLogs: Set<TopicFilter> = []
    /// For each share filter, a bit for each shard that has subscribers: while there are any, it stands in the index of every shard.
    var holders: [TopicFilter: UInt64] = [:]
    /// How many sessions of this shard have subscribed to each.
    var localCounts: [TopicFilter: Int] = [:]
    /// What is to be done here at the end of the turn.
    var work: [ShareMail] = []
    /// Messages in it that other shards have published.
    var workBytes = 0
    /// For each other shard, what goes to it at the end of the turn.
    var outgoing: [[ShareMail]]

    init(shardCount: Int) { outgoing = Array(repeating: [], count: shardCount) }

    /// The shard that decides about a shared subscription: the same on all threads, and nobody outside can know which.
    func home(of filter: TopicFilter) -> Int { Int(UInt(bitPattern: filter.hashValue) % UInt(outgoing.count)) }

    /// Whether a group may hold more; a group that holds little always may, so that others do not stop it.
    func mayHoldMore(_ filter: TopicFilter) -> Bool {
        heldBytes < Limits.shareShardBytesMax || groups[filter]?.heldBytes ?? 0 < Limits.shareGroupBytesMin
    }

    /// How many entries of its log a group should be offered now.
    func room(_ filter: TopicFilter) -> Int { mayHoldMore(filter) ? groups[filter]?.room ?? 0 : 0 }

    /// What another shard has said.
    mutating func take(_ mail: [ShareMail]) {
        work += mail
        workBytes += mail.heldBytes
    }

    mutating func live(_ message: PlainMessage) -> SharedMessage {
        defer { nextLiveNumber += 1 }
        return SharedMessage(number: nextLiveNumber, message: message)
    }
}
