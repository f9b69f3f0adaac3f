import FuzzSupport
import Glibc
import Persistence

@testable import Broker
@testable import Transport

/// A shard with its connections and nothing else: no reactor, no threads. The parts of a reactor's turn are called one by one; a client is
/// the other end of a socket pair.
struct Machine: ~Copyable {
    let world: World
    private let hub: Hub
    private(set) var shard: Shard
    private(set) var io: Connections
    private(set) var peers: [Peer] = (0..<4).map { _ in Peer() }
    private var held: [TestLog.Held] = []
    private var repeated: [Repetition: LogEntry] = [:]
    /// Committed and not announced.
    private var silent: [(append: TestLog.Held, entry: LogEntry)] = []

    init(_ world: World) {
        self.world = world
        hub = world.makeHub()
        shard = Shard(index: 0, hub: hub)
        do {
            io = try Connections(now: 1_000_000)
        } catch {
            fatalError("\(error)")
        }
    }

    // MARK: Connections

    /// As the reactor does with a connection that it has accepted.
    mutating func open(_ peer: Int) {
        if peers[peer].socket >= 0 { reset(peer) }
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0,
            let slot = try? io.insert(pair[0], tls: nil)
        else { fatalError("no sockets are left") }
        io.table[Int(slot)].flags.insert(.known)
        let id = io.id(of: slot)
        peers[peer] = Peer(socket: pair[1], id: id)
        shard.opened(id, io: &io)
    }

    /// What the peer sent comes in.
    mutating func receive(_ bytes: [UInt8], from peer: Int) {
        peers[peer].sent(bytes)
        let id = peers[peer].id
        guard io.isOpen(id) else { return }
        let index = Int(id.slot)
        io.table[index].tail += bytes
        if !io.isReadingPaused(id.slot), !io.table[index].flags.contains(.resumed) { deliverTail(id) }
    }

    private mutating func deliverTail(_ id: ConnectionID) {
        let index = Int(id.slot)
        var bytes: [UInt8] = []
        swap(&bytes, &io.table[index].tail)
        guard !bytes.isEmpty else { return }
        let used = shard.received(id, bytes.span, io: &io)
        expect(0...bytes.count ~= used, "more is used than was there")
        if used < bytes.count, io.isOpen(id) { io.table[index].tail = Array(bytes[used...]) }
    }

    /// The peer closes its side: what it sent before counts.
    mutating func end(_ peer: Int) {
        let id = peers[peer].id
        guard io.isOpen(id) else { return }
        if io.table[Int(id.slot)].flags.isDisjoint(with: [.readingPaused, .resumed]) {
            io.endInput(id.slot)
        } else {
            io.table[Int(id.slot)].flags.insert(.inputEndPending)
        }
    }

    /// The connection breaks.
    mutating func reset(_ peer: Int) {
        let id = peers[peer].id
        if peers[peer].socket >= 0 { close(peers[peer].socket) }
        peers[peer] = Peer()
        guard id.slot >= 0, id.slot < io.table.count, io.id(of: id.slot) == id else { return }
        io.abort(id.slot)
        removeClosing()
    }

    mutating func setReading(_ peer: Int, _ isReading: Bool) { peers[peer].isReading = isReading }

    // MARK: Turns

    mutating func turn() {
        for slot in taken(&io.resumed) where io.table[Int(slot)].flags.contains(.resumed) {
            io.table[Int(slot)].flags.remove(.resumed)
            let flags = io.table[Int(slot)].flags
            guard flags.isDisjoint(with: [.closing, .finishing, .readingPaused]) else { continue }
            deliverTail(io.id(of: slot))
            if flags.contains(.inputEndPending), io.isOpen(io.id(of: slot)) { io.endInput(slot) }
        }
        for slot in taken(&io.drained) where io.isOpen(io.id(of: slot)) { shard.drained(io.id(of: slot), io: &io) }
        removeClosing()
        shard.turnEnded(io: &io)
        for slot in taken(&io.dirty) where io.table[Int(slot)].flags.contains(.dirty) {
            io.table[Int(slot)].flags.remove(.dirty)
            io.write(slot)
        }
        readPeers()
        removeClosing()
        held += world.log.takeHeld()
    }

    private mutating func removeClosing() {
        while let slot = io.closing.popLast() {
            let id = io.id(of: slot)
            if io.table[Int(slot)].flags.contains(.known) {
                io.table[Int(slot)].flags.remove(.known)
                shard.closed(id, io: &io)
            }
            io.remove(slot)
        }
    }

    /// Who reads takes all, and closes its side when the hub has closed its own.
    private mutating func readPeers() {
        for peer in peers.indices where peers[peer].isReading && peers[peer].socket >= 0 {
            var isEnded = peers[peer].read()
            let id = peers[peer].id
            while io.isOpen(id), io.table[Int(id.slot)].flags.contains(.awaitsWritability), !isEnded {
                io.write(id.slot)
                isEnded = peers[peer].read()
            }
            guard isEnded else { continue }
            if io.id(of: id.slot) == id { io.endInput(id.slot) }
            close(peers[peer].socket)
            peers[peer].socket = -1
        }
    }

    // MARK: Time

    /// Deadlines come up as in a reactor's turn, then the shard looks at the clock.
    mutating func advance(milliseconds: Int64) {
        world.state.withLock { $0.wall += milliseconds }
        io.now += milliseconds
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
        shard.tick(io: &io)
    }

    // MARK: What other threads do

    var mailCount: Int { world.state.withLock { $0.mail.count } }

    /// Mail comes in the order in which it was posted.
    mutating func deliverMail(_ count: Int = .max) {
        let mail = world.state.withLock { state in
            defer { state.mail.removeFirst(min(count, state.mail.count)) }
            return Array(state.mail.prefix(count))
        }
        for letter in mail { shard.mail(letter, io: &io) }
    }

    // MARK: The log

    private struct Repetition: Hashable {
        var topic: StoredTopic
        var sender: Int64
        var key: IdempotencyKey
    }

    /// - Parameter isAnnounced: false: the connection to the database broke between commit and announcement.
    mutating func commit(_ count: Int, isAnnounced: Bool = true) {
        let batch = Array(held.prefix(count))
        held.removeFirst(batch.count)
        for append in batch {
            let topic = append.append.topic
            let key = Repetition(topic: topic, sender: append.append.senderID, key: append.append.key)
            if let entry = repeated[key] {
                world.log.refuse(append, .repeated(seq: entry.seq, id: entry.id))
            } else if world.isGone(topic) {
                world.log.refuse(append, .topicGone)
            } else {
                let entry = world.store(append)
                repeated[key] = entry
                if isAnnounced { world.log.finish(append, entry) } else { silent.append((append, entry)) }
            }
        }
    }

    mutating func refuseAll() {
        for append in held { world.log.refuse(append, .unavailable) }
        held = []
    }

    /// What was committed silently is tried again, and found to be there; some entry is announced all the same, the last first.
    mutating func announceLate(_ count: Int) {
        for (append, entry) in silent { world.log.refuse(append, .repeated(seq: entry.seq, id: entry.id)) }
        for (_, entry) in silent.suffix(count).reversed() { world.log.announce(entry) }
        silent = []
    }

    /// What something outside of the broker commits, if PostgreSQL's rules allow it now.
    mutating func change(_ topic: StoredTopic, _ change: RightsChange?) {
        let entry = world.store(topic, change)
        world.log.announce(entry)
    }

    // MARK: The end

    /// Everybody goes, all that is under way is finished, and what waits for its time has come: nothing may be left.
    mutating func finish() {
        for peer in peers.indices { reset(peer) }
        for _ in 0..<3 {
            finishWork()
            advance(milliseconds: 60_000)
        }
        finishWork()
        expectEqual(io.count, 0, "connections")
        shard.expectNothingLeft()
    }

    private mutating func finishWork() {
        for _ in 0..<100 {
            turn()
            commit(.max)
            announceLate(.max)
            while Jobs.count > 0 { Jobs.run(0) }
            held += world.log.takeHeld()
            if mailCount == 0, held.isEmpty { return }
            deliverMail()
        }
        fatalError("the work never ends")
    }
}

private func taken(_ slots: inout [Int32]) -> [Int32] {
    defer { slots = [] }
    return slots
}

extension Shard {
    /// The one place that looks into a shard.
    func expectNothingLeft() {
        expectEqual(freeSessions.count, sessions.count, "sessions")
        expect(sessionBySerial.isEmpty && connecting.isEmpty, "claims")
        // Logs of filters stay, and so does what reads those of shared subscriptions.
        expectEqual(subscriptions.count, filterLogIndex.count, "subscriptions")
        expect(filterCounts.isEmpty, "filters that others were told of")
        expectEqual(freeUsers.count, users.count, "users")
        expectEqual(freeTopics.count + shares.logs.count, topics.count, "topics")
        expectEqual(topicIndex.count, shares.logs.count, "index of topics")
        expect(userIndex.isEmpty, "index of users")
    }
}
