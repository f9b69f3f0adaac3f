import Glibc

@testable import Broker
@testable import Transport

/// A shard with its connections and nothing else: no reactor, no threads, no clock. The parts of a reactor's turn are called one by one; a
/// connection is one end of a socket pair, whose input is handed over, and whose output is written to the socket.
package struct ShardMachine: ~Copyable {
    package var shard: Shard
    package var io: Connections
    private var nextTick: Int64

    /// - Parameter now: monotonic milliseconds.
    package init(_ shard: consuming Shard, now: Int64) {
        self.shard = shard
        nextTick = DeadlineWheel.bucketEnd(after: now)
        do {
            io = try Connections(now: now)
        } catch {
            fatalError("\(error)")
        }
    }

    /// Connections are congested from so many bytes on, until a quarter of it is left.
    package mutating func setHighWater(_ bytes: Int) {
        io.highWaterBytes = bytes
        io.lowWaterBytes = bytes / 4
    }

    // MARK: Connections

    /// As the reactor does with a connection that it has accepted.
    /// - Parameter sendBytes: what the socket takes for a peer that does not read; 0: as much as the system likes.
    /// - Returns: the connection, and the other end of its socket pair.
    package mutating func open(sendBytes: Int32 = 0) -> (id: ConnectionID, peer: Int32) {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0,
            let slot = try? io.insert(pair[0], tls: nil)
        else { fatalError("no sockets are left") }
        if sendBytes > 0 {
            var size = sendBytes
            setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        io.table[Int(slot)].flags.insert(.known)
        let id = io.id(of: slot)
        shard.opened(id, peer: PeerAddress(high: 0, low: 1), io: &io)
        return (id, pair[1])
    }

    /// Whether the hub has not let go of it yet.
    package func exists(_ id: ConnectionID) -> Bool {
        id.slot >= 0 && Int(id.slot) < io.table.count && io.id(of: id.slot) == id
    }

    /// Whether what comes in now would be looked at, not kept.
    package func isReading(_ id: ConnectionID) -> Bool {
        io.isOpen(id) && io.table[Int(id.slot)].flags.isDisjoint(with: [.readingPaused, .resumed])
    }

    /// Bytes of the peer come in.
    package mutating func receive(_ bytes: [UInt8], on id: ConnectionID) {
        guard io.isOpen(id) else { return }
        io.table[Int(id.slot)].tail += bytes
        if isReading(id) { deliverTail(id) }
    }

    private mutating func deliverTail(_ id: ConnectionID) {
        let index = Int(id.slot)
        var bytes: [UInt8] = []
        swap(&bytes, &io.table[index].tail)
        guard !bytes.isEmpty else { return }
        let used = shard.received(id, bytes.span, io: &io)
        precondition(0...bytes.count ~= used, "more is used than was there")
        if used < bytes.count, io.isOpen(id) { io.table[index].tail = Array(bytes[used...]) }
    }

    /// The peer has closed its side: what it sent before counts.
    package mutating func endInput(_ id: ConnectionID) {
        guard exists(id), !io.table[Int(id.slot)].flags.contains(.closing) else { return }
        if io.table[Int(id.slot)].flags.isDisjoint(with: [.readingPaused, .resumed]) {
            io.endInput(id.slot)
        } else {
            io.table[Int(id.slot)].flags.insert(.inputEndPending)
        }
    }

    /// The connection breaks.
    package mutating func abort(_ id: ConnectionID) {
        if exists(id) { io.abort(id.slot) }
    }

    /// The peer has taken something of what waits for it.
    package mutating func write(_ id: ConnectionID) {
        if exists(id), io.table[Int(id.slot)].flags.contains(.awaitsWritability) { io.write(id.slot) }
    }

    package func awaitsWritability(_ id: ConnectionID) -> Bool {
        exists(id) && io.table[Int(id.slot)].flags.contains(.awaitsWritability)
    }

    // MARK: Turns

    /// What comes at the end of a turn, after the events.
    package mutating func endTurn() {
        for slot in taken(&io.resumed) where io.table[Int(slot)].flags.contains(.resumed) {
            io.table[Int(slot)].flags.remove(.resumed)
            let flags = io.table[Int(slot)].flags
            guard flags.isDisjoint(with: [.closing, .finishing, .readingPaused]) else { continue }
            deliverTail(io.id(of: slot))
            if flags.contains(.inputEndPending) { endInput(io.id(of: slot)) }
        }
        for slot in taken(&io.drained) where io.isOpen(io.id(of: slot)) { shard.drained(io.id(of: slot), io: &io) }
        removeClosing()
        shard.turnEnded(io: &io)
        for slot in taken(&io.dirty) where io.table[Int(slot)].flags.contains(.dirty) {
            io.table[Int(slot)].flags.remove(.dirty)
            if !io.table[Int(slot)].flags.contains(.awaitsWritability) { io.write(slot) }
        }
    }

    /// Something is left for another turn.
    package var isBusy: Bool {
        !(io.resumed.isEmpty && io.drained.isEmpty && io.closing.isEmpty && io.dirty.isEmpty)
    }

    package mutating func removeClosing() {
        while let slot = io.closing.popLast() {
            let id = io.id(of: slot)
            if io.table[Int(slot)].flags.contains(.known) {
                io.table[Int(slot)].flags.remove(.known)
                shard.closed(id, io: &io)
            }
            io.remove(slot)
        }
    }

    package mutating func deliver(_ mail: ShardMail) { shard.mail(mail, io: &io) }

    /// Deadlines come up as in a reactor's turn, then the shard looks at the clock.
    package mutating func advance(to now: Int64) {
        io.now = now
        for entry in io.wheel.advance(to: io.now) {
            let index = Int(entry.id.slot), connection = io.table[index]
            guard connection.generation == entry.id.generation, connection.scheduledAt == entry.moment else { continue }
            io.table[index].scheduledAt = 0
            guard connection.deadline != 0, !connection.flags.contains(.closing) else { continue }
            if connection.deadline > io.now {
                io.schedule(entry.id.slot, at: connection.deadline)
            } else if connection.flags.contains(.finishing) {
                io.abort(entry.id.slot)
            } else {
                io.table[index].deadline = 0
                shard.deadlineReached(entry.id, io: &io)
            }
        }
        guard now >= nextTick else { return }
        nextTick = DeadlineWheel.bucketEnd(after: now)
        shard.tick(io: &io)
    }

    /// The process is gone, and its sockets with it.
    package mutating func kill() {
        for slot in io.table.indices where io.table[slot].flags.contains(.open) { io.remove(Int32(slot)) }
    }

    /// The last entry of a topic that the shard has seen; nil: nobody reads it here.
    package func head(of topicID: Int64) -> Int64? { shard.topicIndex[topicID].map { shard.topics[Int($0)].head } }

    /// What a shard without clients holds that it should not; empty if all is well.
    package var leftovers: [String] {
        let counts: [(String, Int)] = [
            ("connections", io.count), ("sessions", shard.sessions.count - shard.freeSessions.count),
            ("serials", shard.sessionBySerial.count), ("connecting clients", shard.connecting.count),
            // Logs of filters stay, and so does what reads those of shared subscriptions.
            ("subscriptions", shard.subscriptions.count - shard.filterLogIndex.count),
            ("filters that others were told of", shard.filterCounts.count),
            ("users", shard.users.count - shard.freeUsers.count), ("users by id", shard.userIndex.count),
            ("topics", shard.topics.count - shard.freeTopics.count - shard.shares.logs.count),
            ("topics by id", shard.topicIndex.count - shard.shares.logs.count),
            ("publishers held back", shard.heldBack.count + shard.publishersAhead.count),
            ("sessions to save", shard.sessionsToSave.count),
            ("stranded entries", shard.stranded.count),
        ]
        return counts.filter { $0.1 != 0 }.map { "\($0.1) \($0.0)" }
    }
}

private func taken(_ slots: inout [Int32]) -> [Int32] {
    defer { slots = [] }
    return slots
}
