import FuzzSupport
import Glibc
import Persistence
import ShardSupport

@testable import Broker
@testable import Transport

/// A shard, its clients, and what stands around it, all moved by the input.
struct Machine: ~Copyable {
    let world: World
    private let hub: Hub
    private var turns: ShardMachine
    private(set) var peers: [Peer] = (0..<4).map { _ in Peer() }
    private var held: [TestLog.Held] = []
    private var repeated: [Repetition: LogEntry] = [:]
    /// Committed and not announced.
    private var silent: [(append: TestLog.Held, entry: LogEntry)] = []

    init(_ world: World) {
        self.world = world
        hub = world.makeHub()
        turns = ShardMachine(Shard(index: 0, hub: hub), now: 1_000_000)
    }

    // MARK: Connections

    mutating func open(_ peer: Int) {
        if peers[peer].socket >= 0 { reset(peer) }
        let (id, socket) = turns.open()
        peers[peer] = Peer(socket: socket, id: id)
    }

    /// What the peer sent comes in.
    mutating func receive(_ bytes: [UInt8], from peer: Int) {
        peers[peer].sent(bytes)
        turns.receive(bytes, on: peers[peer].id)
    }

    /// The peer closes its side: what it sent before counts.
    mutating func end(_ peer: Int) { if turns.io.isOpen(peers[peer].id) { turns.endInput(peers[peer].id) } }

    /// The connection breaks.
    mutating func reset(_ peer: Int) {
        let id = peers[peer].id
        if peers[peer].socket >= 0 { close(peers[peer].socket) }
        peers[peer] = Peer()
        turns.abort(id)
        turns.removeClosing()
    }

    mutating func setReading(_ peer: Int, _ isReading: Bool) { peers[peer].isReading = isReading }

    // MARK: Turns

    mutating func turn() {
        turns.endTurn()
        readPeers()
        turns.removeClosing()
        held += world.log.takeHeld()
    }

    /// Who reads takes all, and closes its side when the hub has closed its own.
    private mutating func readPeers() {
        for peer in peers.indices where peers[peer].isReading && peers[peer].socket >= 0 {
            var isEnded = peers[peer].read()
            let id = peers[peer].id
            while turns.awaitsWritability(id), !isEnded {
                turns.write(id)
                isEnded = peers[peer].read()
            }
            guard isEnded else { continue }
            turns.endInput(id)
            close(peers[peer].socket)
            peers[peer].socket = -1
        }
    }

    // MARK: Time

    mutating func advance(milliseconds: Int64) {
        world.state.withLock { $0.wall += milliseconds }
        turns.advance(to: turns.io.now + milliseconds)
    }

    // MARK: What other threads do

    var mailCount: Int { world.state.withLock { $0.mail.count } }

    /// Mail comes in the order in which it was posted.
    mutating func deliverMail(_ count: Int = .max) {
        let mail = world.state.withLock { state in
            defer { state.mail.removeFirst(min(count, state.mail.count)) }
            return Array(state.mail.prefix(count))
        }
        for letter in mail { turns.deliver(letter) }
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
        expectEqual(turns.leftovers, [], "the hub holds on to what nobody needs")
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
