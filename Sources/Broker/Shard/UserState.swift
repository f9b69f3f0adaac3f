import Persistence

/// A user with a session on this shard, and what the user may do: loaded once, then changed only by committed entries.
struct UserState {
    struct Group {
        /// In the shard's topic table.
        var topic: Int32
        var role: GroupRole
        /// The entry of the group's log as of which this is known: earlier changes are history.
        var knownAt: Int64
        /// The entry that made the user a member.
        var joinedSeq: Int64
    }

    struct Direct {
        var topic: Int32
        var isWritable: Bool
        /// The entry of the user's inbox as of which this is known.
        var knownAt: Int64
    }

    var id: Int64
    /// Sessions, and clients that are connecting.
    var references = 0
    var isReady = false
    /// Changes that were committed while the rights were being loaded.
    var waiting: [LogEntry] = []
    var sessions: [Int32] = []
    var inbox: Int32 = -1
    /// By group.
    var groups: [Int64: Group] = [:]
    /// By the other user.
    var directs: [Int64: Direct] = [:]
}
