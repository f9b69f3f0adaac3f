import MQTT

/// One shared subscription (MQTT 5 §4.8.2) as its home keeps it: the members, the messages that wait for one of them, and who has which
/// message until it is acknowledged. It decides and does nothing: its methods return what is to be done.
///
/// Members take turns. One is passed over while it has `limit` messages without acknowledgement, or while it has said that it takes no
/// more. The limit follows what the client's window leaves to this group: it falls to what the client took when it refuses one, and grows
/// by one with each acknowledgement.
///
/// Messages are offered one by one, and their numbers tell their order. A refused message, or one of a member that went, stands in front of
/// those with higher numbers again. What comes from a log is tracked with every member, and it is said when it is done with; of that only
/// as much is to be offered as there is room for, since what nobody takes can be read again.
struct ShareGroup {
    enum Action {
        case deliver(SharedMessage, to: ShareMember, isTracked: Bool)
        /// These are lost: nobody can take them, or too many wait.
        case drop([SharedMessage])
        /// The last member has gone before anybody took these.
        case takeBack([SharedMessage])
        /// This one, which came from a log, is done with.
        case settle(SharedMessage)
    }

    private struct Member {
        var id: ShareMember
        var qos: QoS
        /// Messages that it may have without acknowledgement, now and at best.
        var limit: Int
        var limitMax: Int
        /// What stands in the way of more: `congested` or `noWindow`.
        var obstacle: ShareRefusal?
        /// It has unsubscribed, and goes when its last message is acknowledged.
        var isLeaving = false
        /// By number: what it was given and has not acknowledged.
        var assigned: [Int64: SharedMessage] = [:]
        var assignedBytes = 0
    }

    /// Slots keep their places, and with them the turns.
    private var members: [Member?] = []
    private var freeSlots: [Int] = []
    private var slots: [ShareMember: Int] = [:]
    /// The slot whose turn it is.
    private var turn = 0
    /// Members that have not unsubscribed.
    private var joinedCount = 0

    private var waiting = ShareQueue()
    /// Messages that some members can never take, and that wait for others.
    private var awkward: [SharedMessage] = []
    /// Of all messages that wait or are assigned.
    private(set) var heldBytes = 0

    /// The highest that was offered.
    private(set) var lastNumber = Int64.min

    /// Nobody is in it: it can be forgotten.
    var isEmpty: Bool { slots.isEmpty }

    /// How many more messages of its log it should hold.
    var room: Int {
        guard joinedCount > 0, waiting.heldBytes < Limits.shareAheadBytesMax else { return 0 }
        return max(Limits.shareAheadMax - waiting.count, 0)
    }

    // MARK: Messages

    /// - Parameter mayWait: false: the shard holds so much already that it is lost if it would have to be kept.
    mutating func offer(_ shared: SharedMessage, mayWait: Bool = true) -> [Action] {
        lastNumber = max(lastNumber, shared.number)
        let isAcknowledged = shared.message.qos.isAcknowledged
        guard mayWait || !isAcknowledged else { return [.drop([shared])] }
        // What waits goes first; QoS 0 does not wait, as its members need no window.
        if waiting.isEmpty || !isAcknowledged, let slot = nextMember(for: shared) {
            return [assign(shared, to: slot)]
        }
        guard isAcknowledged else { return [.drop([shared])] }
        guard joinedCount > 0 else { return [.takeBack([shared])] }
        guard
            shared.isLogged
                || waiting.count < Limits.shareWaitingMax
                    && waiting.heldBytes + shared.heldBytes <= Limits.queuedBytesMax
        else { return [.drop([shared])] }
        waiting.insert(shared)
        heldBytes += shared.heldBytes
        return []
    }

    /// A delivery is complete, or has ended otherwise.
    mutating func settled(_ id: ShareMember, _ number: Int64) -> [Action] {
        guard let slot = slots[id], let shared = takeBack(number, from: slot) else { return [] }
        let settled: [Action] = shared.isLogged ? [.settle(shared)] : []
        members[slot]!.limit = min(members[slot]!.limit + 1, members[slot]!.limitMax)
        if members[slot]!.isLeaving, members[slot]!.assigned.isEmpty {
            remove(slot)
            return settled
        }
        return settled + distribute()
    }

    /// A member has not taken what it was given: another may.
    mutating func refused(
        _ shared: SharedMessage, by id: ShareMember, isTracked: Bool, _ reason: ShareRefusal
    ) -> [Action] {
        let slot = slots[id]
        if let slot {
            switch reason {
            case .congested, .noWindow: members[slot]!.obstacle = reason
            case .gone, .unfit: break
            }
        }
        var shared = shared
        if isTracked {
            // A member's end may have come first: then it is with another already.
            guard let slot, let own = takeBack(shared.number, from: slot) else { return [] }
            shared = own
            if members[slot]!.isLeaving, members[slot]!.assigned.isEmpty { remove(slot) }
        }
        if case .unfit = reason { shared.refusedBy.append(id) }
        guard shared.message.qos.isAcknowledged else {
            return [nextMember(for: shared).map { assign(shared, to: $0) } ?? .drop([shared])]
        }
        guard joinedCount > 0 else { return [.takeBack([shared])] }
        if shared.refusedBy.isEmpty {
            waiting.putBack([shared])
        } else {
            guard shared.refusedBy.count <= Limits.shareRefusalsMax, awkward.count < Limits.shareAwkwardMax else {
                return [.drop([shared])]
            }
            awkward.append(shared)
        }
        heldBytes += shared.heldBytes
        return distribute()
    }

    /// A member that had taken a message may not have it any more: another may.
    mutating func givenBack(_ number: Int64, by id: ShareMember) -> [Action] {
        guard let slot = slots[id], let shared = members[slot]!.assigned[number] else { return [] }
        return refused(shared, by: id, isTracked: true, .unfit)
    }

    /// What stood in the way of a member is gone.
    /// - Parameter room: for how many messages of QoS 1 and 2.
    mutating func reopened(_ id: ShareMember, room: Int) -> [Action] {
        guard let slot = slots[id] else { return [] }
        members[slot]!.obstacle = nil
        members[slot]!.limit = min(max(members[slot]!.assigned.count + room, 1), members[slot]!.limitMax)
        return distribute()
    }

    // MARK: Members

    /// Who is a member already has new options [MQTT-3.8.4-3].
    mutating func join(_ id: ShareMember, qos: QoS, limit: Int) -> [Action] {
        precondition(limit > 0)
        if let slot = slots[id] {
            if members[slot]!.isLeaving { joinedCount += 1 }
            members[slot]!.isLeaving = false
            members[slot]!.qos = qos
            members[slot]!.limit = limit
            members[slot]!.limitMax = limit
            members[slot]!.obstacle = nil
            return distribute()
        }
        let member = Member(id: id, qos: qos, limit: limit, limitMax: limit)
        if let free = freeSlots.popLast() {
            slots[id] = free
            members[free] = member
        } else {
            slots[id] = members.count
            members.append(member)
        }
        joinedCount += 1
        return distribute()
    }

    /// The member has unsubscribed. What it was sent is its own until its connection ends.
    mutating func detach(_ id: ShareMember) -> [Action] {
        guard let slot = slots[id], !members[slot]!.isLeaving else { return [] }
        members[slot]!.isLeaving = true
        joinedCount -= 1
        if members[slot]!.assigned.isEmpty { remove(slot) }
        return endIfUnsubscribed()
    }

    /// The member's connection has ended. What it has not acknowledged goes to others, except what nobody else may get.
    mutating func leave(_ id: ShareMember, exactlyOnce: [Int64]) -> [Action] {
        guard let slot = slots[id], let member = members[slot] else { return [] }
        if !member.isLeaving { joinedCount -= 1 }
        heldBytes -= member.assignedBytes
        remove(slot)
        let own = Set(exactlyOnce)
        let returned = member.assigned.values.filter { !own.contains($0.number) }
        let settled = member.assigned.values.filter { own.contains($0.number) && $0.isLogged }.map { Action.settle($0) }
        guard joinedCount > 0 else {
            return settled + (returned.isEmpty ? [] : [.takeBack(returned)]) + endIfUnsubscribed()
        }
        for shared in returned {
            heldBytes += shared.heldBytes
            if !shared.refusedBy.isEmpty { awkward.append(shared) }
        }
        waiting.putBack(returned.filter(\.refusedBy.isEmpty))
        return settled + distribute()
    }

    private mutating func remove(_ slot: Int) {
        slots[members[slot]!.id] = nil
        members[slot] = nil
        freeSlots.append(slot)
    }

    /// Without subscribers a shared subscription ends, and its undelivered messages go with it (§4.8.2); those that a log has stay there for
    /// persistent sessions that are away.
    private mutating func endIfUnsubscribed() -> [Action] {
        let left = waiting.messages + awkward
        guard joinedCount == 0, !left.isEmpty else { return [] }
        heldBytes -= waiting.heldBytes + awkward.reduce(0) { $0 + $1.heldBytes }
        waiting = ShareQueue()
        awkward = []
        return [.takeBack(left)]
    }

    // MARK: Turns

    /// Gives what waits to those who can take it.
    private mutating func distribute() -> [Action] {
        var actions: [Action] = []
        var place = 0
        while place < awkward.count {
            if let slot = nextMember(for: awkward[place]) {
                let shared = awkward.remove(at: place)
                heldBytes -= shared.heldBytes
                actions.append(assign(shared, to: slot))
            } else if !hasCandidate(for: awkward[place]) {
                let shared = awkward.remove(at: place)
                heldBytes -= shared.heldBytes
                actions.append(.drop([shared]))
            } else {
                place += 1
            }
        }
        while let first = waiting.first, let slot = nextMember(for: first) {
            _ = waiting.popFirst()
            heldBytes -= first.heldBytes
            actions.append(assign(first, to: slot))
        }
        return actions
    }

    private mutating func nextMember(for shared: SharedMessage) -> Int? {
        for _ in members.indices {
            let slot = turn
            turn = turn + 1 < members.count ? turn + 1 : 0
            if canTake(slot, shared) { return slot }
        }
        return nil
    }

    private func canTake(_ slot: Int, _ shared: SharedMessage) -> Bool {
        guard members[slot] != nil, !members[slot]!.isLeaving, !shared.refusedBy.contains(members[slot]!.id) else {
            return false
        }
        let isAcknowledged = QoS.lower(shared.message.qos, members[slot]!.qos).isAcknowledged
        switch members[slot]!.obstacle {
        case .congested: return false
        case .noWindow where isAcknowledged: return false
        case nil, .noWindow, .gone, .unfit: break
        }
        guard isAcknowledged || shared.isLogged else { return true }
        let count = members[slot]!.assigned.count
        return count < members[slot]!.limit
            && (count == 0 || members[slot]!.assignedBytes + shared.heldBytes <= Limits.shareMemberBytesMax)
    }

    /// Whether somebody could take it some day.
    private func hasCandidate(for shared: SharedMessage) -> Bool {
        members.contains { $0.map { !$0.isLeaving && !shared.refusedBy.contains($0.id) } ?? false }
    }

    private mutating func assign(_ shared: SharedMessage, to slot: Int) -> Action {
        let isTracked = shared.isLogged || QoS.lower(shared.message.qos, members[slot]!.qos).isAcknowledged
        if isTracked {
            members[slot]!.assigned[shared.number] = shared
            members[slot]!.assignedBytes += shared.heldBytes
            heldBytes += shared.heldBytes
        }
        return .deliver(shared, to: members[slot]!.id, isTracked: isTracked)
    }

    private mutating func takeBack(_ number: Int64, from slot: Int) -> SharedMessage? {
        guard let shared = members[slot]!.assigned.removeValue(forKey: number) else { return nil }
        members[slot]!.assignedBytes -= shared.heldBytes
        heldBytes -= shared.heldBytes
        return shared
    }
}
