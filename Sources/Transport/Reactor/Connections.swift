import CLinux
import Glibc
import Memory

/// A reactor's connections, and what its handler can do with them. Used on the reactor's thread only.
///
/// Output is collected and written once per connection at the end of the turn. Slots are used where the handler knows that the
/// connection is open, ids where it may have gone.
package struct Connections: ~Copyable {
    /// Above this many queued bytes a connection is congested: the handler holds back what can wait.
    var highWaterBytes = 1024 * 1024
    var lowWaterBytes = 128 * 1024
    /// With so few queued bytes a connection that is fed piece by piece is to get its next one.
    package static let refillBytes = 32 * 1024
    var table: [Connection] = []
    var freeSlots: [Int32] = []
    /// Slots with output to write, to look at again, to close.
    var dirty: [Int32] = []
    var resumed: [Int32] = []
    var closing: [Int32] = []
    var drained: [Int32] = []
    /// By `Connection.webSocket`.
    var webSockets: [WebSocketState] = []
    var freeWebSockets: [Int32] = []
    /// Those that await a proxy's header: the listener's tag and the socket's peer, by slot.
    var proxied: [Int32: (listener: UInt8, socket: PeerAddress)] = [:]
    /// Why the TLS of connections that we began has failed, by slot, until they are gone.
    var outgoingFailures: [Int32: String] = [:]
    var pool = BlockPool()
    var wheel: DeadlineWheel
    var poller: Poller
    let cipherPort: CipherPort
    var isStopping = false
    private var givesWay = false
    /// How long a finished connection has to take what is queued for it: 1 MiB over a slow line.
    var finishMilliseconds: Int64 = 30_000
    /// How long it then waits for its peer to close, so that no reset overtakes what was sent.
    var lingerMilliseconds: Int64 = 2000

    /// Frames of the handler that were appended (one with each call of `append`), and their bytes: for statistics.
    package private(set) var framesAppended = 0
    package private(set) var frameBytesAppended = 0

    /// Monotonic milliseconds, read once a turn.
    package internal(set) var now: Int64
    /// Open connections.
    package internal(set) var count = 0

    init(now: Int64) throws(SystemCallError) {
        self.now = now
        wheel = DeadlineWheel(now: now)
        poller = try Poller()
        cipherPort = CipherPort()
    }

    package func id(of slot: Int32) -> ConnectionID {
        ConnectionID(slot: slot, generation: table[Int(slot)].generation)
    }

    /// False once the connection is closed or about to be.
    package func isOpen(_ id: ConnectionID) -> Bool {
        guard id.slot >= 0, id.slot < table.count else { return false }
        let connection = table[Int(id.slot)]
        return connection.generation == id.generation && connection.flags.isDisjoint(with: [.closing, .finishing])
            && connection.flags.contains(.open)
    }

    package func queuedBytes(_ slot: Int32) -> Int { table[Int(slot)].queuedBytes }

    package func isCongested(_ slot: Int32) -> Bool { table[Int(slot)].flags.contains(.aboveHighWater) }

    // MARK: Output

    /// - Parameter isFrame: false: not to be counted, as HTTP's answers.
    package mutating func append(_ bytes: Span<UInt8>, to slot: Int32, isFrame: Bool = true) {
        guard accepts(slot) else { return }
        if isFrame { count(bytes.count) }
        table[Int(slot)].output.append(bytes, pool: &pool)
        markDirty(slot)
    }

    /// Has the handler called by `drained` as soon as at most `refillBytes` are queued, or the peer is known to take nothing any more.
    package mutating func awaitRefill(_ slot: Int32) {
        table[Int(slot)].flags.insert(.wantsRefill)
        scheduleWrite(slot)
    }

    /// The peer takes nothing any more, though more of what it sent may come.
    package func isOutputLost(_ slot: Int32) -> Bool { table[Int(slot)].flags.contains(.outputLost) }

    /// Appends an encoded frame with a packet identifier of its own.
    package mutating func append(_ frame: Span<UInt8>, packetID: UInt16, at offset: Int, to slot: Int32) {
        guard accepts(slot) else { return }
        count(frame.count)
        table[Int(slot)].output.append(frame, packetID: packetID, at: offset, pool: &pool)
        markDirty(slot)
    }

    /// Appends one frame that lies in two places.
    package mutating func append(_ beginning: Span<UInt8>, _ rest: Span<UInt8>, to slot: Int32) {
        guard accepts(slot) else { return }
        count(beginning.count + rest.count)
        table[Int(slot)].output.append(beginning, pool: &pool)
        table[Int(slot)].output.append(rest, pool: &pool)
        markDirty(slot)
    }

    @inline(__always)
    private mutating func count(_ frameBytes: Int) {
        framesAppended += 1
        frameBytesAppended += frameBytes
    }

    func accepts(_ slot: Int32) -> Bool {
        table[Int(slot)].flags.isDisjoint(with: [.closing, .finishing, .outputLost])
    }

    mutating func markDirty(_ slot: Int32) {
        let index = Int(slot)
        scheduleWrite(slot)
        if table[index].queuedBytes > highWaterBytes { writeEarly(slot) }
    }

    /// Much output in one turn is no slow reader: it becomes congested only if the socket takes no more.
    private mutating func writeEarly(_ slot: Int32) {
        let index = Int(slot)
        if !table[index].flags.contains(.awaitsWritability) { write(slot) }
        if table[index].queuedBytes > highWaterBytes { table[index].flags.insert(.aboveHighWater) }
    }

    /// Has the connection written at the end of the turn.
    mutating func scheduleWrite(_ slot: Int32) {
        guard !table[Int(slot)].flags.contains(.dirty) else { return }
        table[Int(slot)].flags.insert(.dirty)
        dirty.append(slot)
    }

    // MARK: Input

    /// Stops reading from the peer: TCP's window pushes back. What was received already comes after `resumeReading`.
    package mutating func pauseReading(_ slot: Int32) {
        guard table[Int(slot)].flags.isDisjoint(with: [.readingPaused, .finishing, .closing]) else { return }
        // The poller is told only if it reports something meanwhile (`Reactor.handle`): most pauses are over before.
        table[Int(slot)].flags.insert(.readingPaused)
    }

    package mutating func resumeReading(_ slot: Int32) {
        let index = Int(slot)
        guard table[index].flags.contains(.readingPaused) else { return }
        table[index].flags.remove(.readingPaused)
        if table[index].flags.contains(.unwatched) { updateInterest(slot) }
        if !table[index].flags.contains(.resumed) {
            table[index].flags.insert(.resumed)
            resumed.append(slot)
        }
    }

    package func isReadingPaused(_ slot: Int32) -> Bool { table[Int(slot)].flags.contains(.readingPaused) }

    // MARK: End

    /// Sends what is queued, then closes. Nothing more can be appended and nothing is received.
    package mutating func finish(_ slot: Int32) {
        let index = Int(slot)
        guard table[index].flags.isDisjoint(with: [.closing, .finishing]) else { return }
        table[index].flags.insert(.finishing)
        table[index].flags.remove(.readingPaused)
        table[index].tail = []
        schedule(slot, at: now + finishMilliseconds)
        updateInterest(slot)
        scheduleWrite(slot)
    }

    /// The peer has taken its leave: sends what is queued, then closes, and does not wait until the peer has closed.
    package mutating func conclude(_ slot: Int32) {
        let index = Int(slot)
        // A WebSocket's end is shaken hands on.
        guard table[index].webSocket < 0 else { return finish(slot) }
        guard table[index].flags.isDisjoint(with: [.closing, .finishing]) else { return }
        table[index].flags.formUnion([.finishing, .inputEnded])
        table[index].flags.remove(.readingPaused)
        table[index].tail = []
        schedule(slot, at: now + finishMilliseconds)
        scheduleWrite(slot)
    }

    /// The peer has ended its side: it gets what is queued for it, then the connection ends.
    mutating func endInput(_ slot: Int32) {
        let index = Int(slot)
        table[index].flags.insert(.inputEnded)
        if !table[index].flags.isDisjoint(with: [.lingering, .outputLost]) {
            abort(slot)
        } else {
            finish(slot)
            updateInterest(slot)
        }
    }

    /// Closes at the end of the turn, without sending what is queued.
    package mutating func abort(_ slot: Int32) {
        guard !table[Int(slot)].flags.contains(.closing) else { return }
        table[Int(slot)].flags.insert(.closing)
        closing.append(slot)
    }

    /// Ends the reactor's loop after this turn.
    package mutating func stop() { isStopping = true }

    /// What is left to do is not urgent: after this turn threads that wait for this processor come first. PostgreSQL's may be among them, and
    /// what others wait for be in it.
    package mutating func giveWay() { givesWay = true }

    /// Asked at the end of each turn.
    mutating func mustGiveWay() -> Bool {
        defer { givesWay = false }
        return givesWay
    }

    // MARK: Time

    /// - Parameter moment: monotonic milliseconds as in `now`, precise to about 250 ms; 0: none.
    package mutating func setDeadline(_ slot: Int32, at moment: Int64) {
        // A finished connection has our own.
        guard table[Int(slot)].flags.isDisjoint(with: [.finishing, .closing]) else { return }
        schedule(slot, at: moment)
    }

    mutating func schedule(_ slot: Int32, at moment: Int64) {
        let index = Int(slot)
        table[index].deadline = moment
        guard moment != 0, table[index].scheduledAt == 0 || moment < table[index].scheduledAt else { return }
        table[index].scheduledAt = wheel.insert(id(of: slot), deadline: moment)
    }

    // MARK: Table

    mutating func insert(_ descriptor: Int32, tls: TLSSession?) throws(SystemCallError) -> Int32 {
        let slot: Int32
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = Int32(table.count)
            table.append(Connection())
        }
        let index = Int(slot)
        do throws(SystemCallError) {
            try poller.add(descriptor, key: id(of: slot).token, .read)
        } catch {
            freeSlots.append(slot)
            throw error
        }
        table[index].descriptor = descriptor
        table[index].tls = tls
        table[index].flags = .open
        count += 1
        return slot
    }

    mutating func remove(_ slot: Int32) {
        let index = Int(slot)
        table[index].output.removeAll(pool: &pool)
        table[index].cipherOutput.removeAll(pool: &pool)
        removeWebSocket(index)
        if table[index].flags.contains(.awaitsProxyHeader) { proxied[slot] = nil }
        if !outgoingFailures.isEmpty { outgoingFailures[slot] = nil }
        table[index].tls?.free()
        close(table[index].descriptor)
        var empty = Connection()
        empty.generation = table[index].generation &+ 1
        // A stale entry in `dirty` or `resumed` finds the flags gone and is passed over.
        table[index] = empty
        freeSlots.append(slot)
        count -= 1
    }

    mutating func updateInterest(_ slot: Int32) {
        let index = Int(slot)
        guard table[index].flags.contains(.open) else { return }
        // A hang-up is reported whatever the interest is. Edge-triggered it is reported once, and no busy loop follows.
        let isReading = table[index].flags.isDisjoint(with: [.readingPaused, .inputEnded, .closing])
        var interest: Poller.Interest = isReading ? .read : .edge
        if isReading { table[index].flags.remove(.unwatched) } else { table[index].flags.insert(.unwatched) }
        if table[index].flags.contains(.awaitsWritability) { interest.insert(.write) }
        poller.change(table[index].descriptor, key: id(of: slot).token, interest)
    }
}
