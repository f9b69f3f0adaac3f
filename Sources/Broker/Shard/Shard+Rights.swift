import Persistence
import Topics
import Transport

extension Shard {
    // MARK: Users

    /// Counts one more session or connecting client of a user; from now on committed changes of the user's rights are kept.
    mutating func holdUser(_ id: Int64) -> Int32 {
        if let user = userIndex[id] {
            users[Int(user)].references += 1
            return user
        }
        let user: Int32
        if let free = freeUsers.popLast() {
            user = free
            users[Int(user)] = UserState(id: id)
        } else {
            user = Int32(users.count)
            users.append(UserState(id: id))
        }
        users[Int(user)].references = 1
        userIndex[id] = user
        return user
    }

    mutating func releaseUser(_ user: Int32) {
        users[Int(user)].references -= 1
        guard users[Int(user)].references == 0 else { return }
        for topic in readableTopics(of: user) { releaseTopic(topic, of: user) }
        if userIndex[users[Int(user)].id] == user { userIndex[users[Int(user)].id] = nil }
        users[Int(user)] = UserState(id: 0)
        freeUsers.append(user)
    }

    /// Takes over rights that were read in PostgreSQL, and applies what was committed while they were read.
    mutating func applyLoaded(_ rights: UserRights, to user: Int32, io: inout Connections) {
        let place = Int(user)
        guard !users[place].isReady else { return }
        users[place].isReady = true
        let inbox = StoredTopic(id: rights.userID, address: .inbox(user: rights.userID))
        users[place].inbox = holdTopic(
            inbox, firstSeq: rights.inboxFirstSeq, lastSeq: rights.inboxLastSeq, for: user)
        for group in rights.groups {
            let topic = StoredTopic(id: group.groupID, address: .group(group.groupID))
            let index = holdTopic(topic, firstSeq: group.firstSeq, lastSeq: group.lastSeq, for: user)
            topics[Int(index)].setAnnouncement(group.announcement, asOf: group.lastSeq)
            topics[Int(index)].setMemberCount(Int(group.memberCount), asOf: group.lastSeq)
            users[place].groups[group.groupID] = UserState.Group(
                topic: index, role: group.role, knownAt: group.lastSeq, joinedSeq: group.joinedSeq)
        }
        for direct in rights.directs {
            let address = Self.directAddress(rights.userID, direct.otherID)
            let topic = StoredTopic(id: direct.topicID, address: address)
            let index = holdTopic(topic, firstSeq: direct.firstSeq, lastSeq: direct.lastSeq, for: user)
            users[place].directs[direct.otherID] = UserState.Direct(
                topic: index, isWritable: direct.writable, knownAt: rights.inboxLastSeq)
        }
        // Nobody has put them into the order of their logs.
        let waiting = users[place].waiting.sorted { ($0.topic.id, $0.seq) < ($1.topic.id, $1.seq) }
        users[place].waiting = []
        for entry in waiting { applyChange(of: entry, to: user, io: &io) }
    }

    private static func directAddress(_ one: Int64, _ other: Int64) -> TopicAddress {
        .direct(low: min(one, other), high: max(one, other))
    }

    // MARK: Topics

    func readableTopics(of user: Int32) -> [Int32] {
        let state = users[Int(user)]
        guard state.isReady else { return [] }
        return [state.inbox] + state.groups.values.map(\.topic) + state.directs.values.map(\.topic)
    }

    /// The topic in the table, if the user may read it now.
    func readableTopic(_ address: TopicAddress, _ user: Int32) -> Int32? {
        let state = users[Int(user)]
        guard state.isReady else { return nil }
        switch address {
        case .filterLog: return nil
        case .inbox(let owner): return owner == state.id ? state.inbox : nil
        case .group(let group): return state.groups[group]?.topic
        case .direct(let low, let high):
            guard low == state.id || high == state.id else { return nil }
            return state.directs[low == state.id ? high : low]?.topic
        }
    }

    /// For a user who may read it.
    private mutating func holdTopic(
        _ topic: StoredTopic, firstSeq: Int64, lastSeq: Int64, for user: Int32
    ) -> Int32 {
        let index = holdTopic(topic, firstSeq: firstSeq, lastSeq: lastSeq)
        topics[Int(index)].addReader(user)
        return index
    }

    private mutating func releaseTopic(_ index: Int32, of user: Int32) {
        topics[Int(index)].removeReader(user)
        releaseTopic(index)
    }

    mutating func holdTopic(_ topic: StoredTopic, firstSeq: Int64 = 1, lastSeq: Int64) -> Int32 {
        if let index = topicIndex[topic.id] {
            topics[Int(index)].references += 1
            return index
        }
        var state = TopicState(topic, head: max(lastSeq, recentHeads.seq(of: topic.id)))
        state.firstSeq = max(firstSeq, recentFirsts.seq(of: topic.id))
        state.references = 1
        let index: Int32
        if let free = freeTopics.popLast() {
            index = free
            topics[Int(index)] = state
        } else {
            index = Int32(topics.count)
            topics.append(state)
        }
        topicIndex[topic.id] = index
        return index
    }

    mutating func releaseTopic(_ index: Int32) {
        topics[Int(index)].references -= 1
        guard topics[Int(index)].references == 0 else { return }
        let state = topics[Int(index)]
        precondition(state.subscribers.isEmpty, "who can't read a topic has no cursor in it")
        recentHeads.note(state.topic.id, state.head)
        stranded += state.early
        topicIndex[state.topic.id] = nil
        topics[Int(index)] = .unused
        freeTopics.append(index)
    }

    private func countMembers(of group: Int64) {
        Task { [hub, index] in
            guard let count = try? await hub.services.rights.memberCount(of: group) else { return }
            hub.mailroom.post(.membersCounted(group: group, count.members, asOf: count.seq), to: index)
        }
    }

    mutating func membersCounted(_ group: Int64, _ count: Int, asOf seq: Int64) {
        if let topic = topicIndex[group] { topics[Int(topic)].setMemberCount(count, asOf: seq) }
    }

    // MARK: Changes

    /// Applies what a committed entry says about rights; called once per entry, in the order of its log, before it is delivered.
    mutating func applyChange(of entry: LogEntry, io: inout Connections) {
        noteLoss(by: entry)
        switch entry.change {
        case nil: break
        case .memberAdded(let id, _, _, _):
            changeMemberCount(by: 1, entry)
            applyChange(of: entry, toUser: id, io: &io)
        case .memberRemoved(let id):
            changeMemberCount(by: -1, entry)
            applyChange(of: entry, toUser: id, io: &io)
        case .roleChanged(let id, _):
            applyChange(of: entry, toUser: id, io: &io)
        case .friendAdded, .friendRemoved:
            guard case .inbox(let owner) = entry.topic.address else {
                preconditionFailure("friendships are announced in inboxes")
            }
            applyChange(of: entry, toUser: owner, io: &io)
        case .announcementChanged(let isAnnouncement):
            if let topic = topicIndex[entry.topic.id] {
                topics[Int(topic)].setAnnouncement(isAnnouncement, asOf: entry.seq)
            }
        case .groupEnded:
            for user in users.indices where users[user].references > 0 {
                if users[user].isReady {
                    revokeGroup(entry.topic.id, of: Int32(user))
                } else {
                    users[user].waiting.append(entry)
                }
            }
        }
    }

    /// What takes access away does not wait for what is missing before it: nothing more may be encoded for whom it concerns. It is applied
    /// again in its turn; what came before it gives nothing back.
    mutating func applyLoss(by entry: LogEntry, io: inout Connections) {
        noteLoss(by: entry)
        switch entry.change {
        case .memberRemoved(let id): applyChange(of: entry, toUser: id, io: &io)
        case .groupEnded, .friendRemoved: applyChange(of: entry, io: &io)
        case .memberAdded, .roleChanged, .friendAdded, .announcementChanged, nil: break
        }
    }

    /// Of a user to a group or to another user's friendship.
    struct Access: Hashable {
        /// 0: all.
        var user: Int64
        var other: Int64
    }

    private mutating func noteLoss(by entry: LogEntry) {
        switch (entry.change, entry.topic.address) {
        case (.memberRemoved(let user), _): recentLosses.note(Access(user: user, other: entry.topic.id), entry.seq)
        case (.groupEnded, _): recentLosses.note(Access(user: 0, other: entry.topic.id), entry.seq)
        case (.friendRemoved(let friend), .inbox(let owner)):
            recentLosses.note(Access(user: owner, other: friend), entry.seq)
        default: break
        }
    }

    private mutating func changeMemberCount(by change: Int, _ entry: LogEntry) {
        guard let topic = topicIndex[entry.topic.id] else { return }
        topics[Int(topic)].changeMemberCount(by: change, at: entry.seq)
    }

    private mutating func applyChange(of entry: LogEntry, toUser id: Int64, io: inout Connections) {
        guard let user = userIndex[id] else { return }
        guard users[Int(user)].isReady else {
            users[Int(user)].waiting.append(entry)
            return
        }
        applyChange(of: entry, to: user, io: &io)
        // Whoever heard late of new access has entries to catch up with.
        for session in users[Int(user)].sessions where !sessions[Int(session)].behind.isEmpty { pump(session, io: &io) }
    }

    /// Entries of topics that this shard has let go of meanwhile.
    mutating func applyStranded(io: inout Connections) {
        while !stranded.isEmpty {
            let entries = stranded.sorted { ($0.topic.id, $0.seq) < ($1.topic.id, $1.seq) }
            stranded = []
            for entry in entries { apply(entry, io: &io) }
        }
    }

    private mutating func applyChange(of entry: LogEntry, to user: Int32, io: inout Connections) {
        let place = Int(user)
        switch entry.change {
        case .memberAdded(_, let role, let isAnnouncement, let firstSeq):
            grantGroup(entry, role, isAnnouncement, firstSeq, to: user)
        case .memberRemoved:
            guard let group = users[place].groups[entry.topic.id], group.knownAt < entry.seq else { return }
            revokeGroup(entry.topic.id, of: user)
        case .roleChanged(_, let role):
            guard let group = users[place].groups[entry.topic.id], group.knownAt < entry.seq else { return }
            users[place].groups[entry.topic.id]?.role = role
            users[place].groups[entry.topic.id]?.knownAt = entry.seq
        case .friendAdded(let friend, let topicID, let lastSeq):
            befriend(
                friend, StoredTopic(id: topicID, address: Self.directAddress(users[place].id, friend)), lastSeq, entry,
                user)
        case .friendRemoved(let friend):
            guard let direct = users[place].directs[friend], direct.knownAt < entry.seq else { return }
            users[place].directs[friend]?.isWritable = false
            users[place].directs[friend]?.knownAt = entry.seq
        case .groupEnded: revokeGroup(entry.topic.id, of: user)
        case .announcementChanged, nil: break
        }
    }

    private mutating func grantGroup(
        _ entry: LogEntry, _ role: GroupRole, _ isAnnouncement: Bool, _ firstSeq: Int64, to user: Int32
    ) {
        let place = Int(user)
        let group = entry.topic.id, own = Access(user: users[place].id, other: group)
        guard entry.seq > recentLosses.seq(of: own),
            entry.seq > recentLosses.seq(of: Access(user: 0, other: group))
        else { return }
        if let known = users[place].groups[group], known.knownAt >= entry.seq { return }
        let topic = holdTopic(entry.topic, firstSeq: firstSeq, lastSeq: entry.seq - 1, for: user)
        // Who is a member cannot become one: a removal came between, and is not announced yet.
        revokeGroup(group, of: user)
        topics[Int(topic)].setAnnouncement(isAnnouncement, asOf: entry.seq)
        if topics[Int(topic)].memberCount == .max { countMembers(of: entry.topic.id) }
        users[place].groups[entry.topic.id] = UserState.Group(
            topic: topic, role: role, knownAt: entry.seq, joinedSeq: entry.seq)
        for session in users[place].sessions { cover(topic, by: session, from: entry.seq - 1) }
    }

    private mutating func befriend(
        _ friend: Int64, _ topic: StoredTopic, _ lastSeq: Int64, _ entry: LogEntry, _ user: Int32
    ) {
        let place = Int(user)
        // The conversation can be read for ever, also if the friendship is over already.
        let isOver = entry.seq < recentLosses.seq(of: Access(user: users[place].id, other: friend))
        if let direct = users[place].directs[friend] {
            guard direct.knownAt < entry.seq else { return }
            users[place].directs[friend]?.isWritable = true
            users[place].directs[friend]?.knownAt = entry.seq
            return
        }
        let index = holdTopic(topic, firstSeq: 1, lastSeq: lastSeq, for: user)
        users[place].directs[friend] = UserState.Direct(topic: index, isWritable: !isOver, knownAt: entry.seq)
        for session in users[place].sessions { cover(index, by: session, from: lastSeq) }
    }

    /// Nothing more of the group is encoded for the user's sessions.
    private mutating func revokeGroup(_ groupID: Int64, of user: Int32) {
        let place = Int(user)
        guard let group = users[place].groups.removeValue(forKey: groupID) else { return }
        for session in users[place].sessions { uncover(group.topic, of: session) }
        releaseTopic(group.topic, of: user)
    }
}
