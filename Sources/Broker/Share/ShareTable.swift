import Topics

/// What a shard has to do with shared subscriptions: those that it is the home of, and those that its sessions take part in.
struct ShareTable {
    /// At home here.
    var groups: [TopicFilter: ShareGroup] = [:]
    /// In all of them.
    var heldBytes = 0
    /// For each share filter, a bit for each shard that has subscribers: while there are any, it stands in the index of every shard.
    var holders: [TopicFilter: UInt64] = [:]
    /// How many sessions of this shard have subscribed to each.
    var localCounts: [TopicFilter: Int] = [:]
    /// What is to be done here at the end of the turn.
    var work: [ShareMail] = []
    /// For each other shard, what goes to it at the end of the turn.
    var outgoing: [[ShareMail]]

    init(shardCount: Int) { outgoing = Array(repeating: [], count: shardCount) }

    /// The shard that decides about a shared subscription: the same on all threads, and nobody outside can know which.
    func home(of filter: TopicFilter) -> Int { Int(UInt(bitPattern: filter.hashValue) % UInt(outgoing.count)) }

    /// Whether a group may hold more; a group that holds little always may, so that others do not stop it.
    func mayHoldMore(_ group: ShareGroup) -> Bool {
        heldBytes < Limits.shareShardBytesMax || group.heldBytes < Limits.shareGroupBytesMin
    }
}
