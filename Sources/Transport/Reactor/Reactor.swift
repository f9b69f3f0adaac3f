import CLinux
import Diagnostics
import Glibc
import Memory

/// An event loop on one thread: own epoll, own listeners, own connections. A turn: poll, handle everything that is ready, then write
/// once per connection with output, then sleep.
package struct Reactor<Handler: ConnectionHandler & ~Copyable>: ~Copyable {
    /// Room for one read, behind room for what the handler left of the last one. A read of cipher text can end a record of which
    /// OpenSSL has nearly everything already.
    private static var readBytes: Int { 64 * 1024 }
    private static var tailBytesMax: Int { 64 * 1024 }
    private static var recordBytesMax: Int { 16 * 1024 }
    private static var acceptsPerTurn: Int { 64 }
    /// A handshake costs 0.4 ms of CPU: a storm of them must not hold up those who are connected.
    private static var tlsAcceptsPerTurn: Int { 2 }
    /// Reads of connections whose handshake is not done; it takes two.
    private static var handshakeReadsPerTurn: Int { 4 }
    /// Marks keys of epoll that are no connections: they have generation `UInt32.max`.
    static var specialGeneration: UInt32 { .max }
    private static var mailboxSlot: Int32 { -1 }
    private static var guestSlot: Int32 { -2 }

    var connections: Connections
    var handler: Handler
    let listeners: [Listener]
    private let mailbox: Mailbox<Handler.Mail>
    let guest: (any ReactorGuest)?
    var isGuestReadable = false
    private let tls: TLSConfiguration?
    let logger: Logger
    private let cipherBuffer: UnsafeMutableBufferPointer<UInt8>
    let plainBuffer: UnsafeMutableBufferPointer<UInt8>
    /// Closed to accept (and close) one connection when all descriptors are used up.
    var spareDescriptor: Int32
    /// Connections that were closed at once for want of a descriptor since the last tick.
    var refused = 0
    private var nextTick: Int64
    private var handshakeReadsLeft = 0
    /// Connections whose handshake waits for a turn. The poller does not report them meanwhile, or they would be in the way of the others.
    private var handshakes = Queue<ConnectionID>()
    /// Listeners that cannot accept for the moment: they are watched again at the next tick.
    var pausedListeners: [Int32] = []

    /// - Parameters:
    ///   - listeners: own ones of this reactor; closed when it ends.
    ///   - guest: lives on this reactor's thread while it runs.
    ///   - tls: needed if a listener has TLS.
    package init(
        handler: consuming Handler, listeners: [Listener], mailbox: Mailbox<Handler.Mail>,
        guest: (any ReactorGuest)? = nil, tls: TLSConfiguration?, logger: Logger
    ) throws(SystemCallError) {
        precondition(tls != nil || listeners.allSatisfy { !$0.isTLS })
        let now = SystemClock.monotonicMilliseconds()
        let connections = try Connections(now: now)
        let special = { (slot: Int32) in ConnectionID(slot: slot, generation: Self.specialGeneration).token }
        try connections.poller.add(mailbox.descriptor, key: special(Self.mailboxSlot), [.read, .edge])
        if let guest { try connections.poller.add(guest.descriptor, key: special(Self.guestSlot), .read) }
        for (index, listener) in listeners.enumerated() {
            try connections.poller.add(listener.descriptor, key: special(Int32(index)), .read)
        }
        self.connections = connections
        self.handler = handler
        self.listeners = listeners
        self.mailbox = mailbox
        self.guest = guest
        self.tls = tls
        self.logger = logger
        cipherBuffer = .allocate(capacity: Self.readBytes)
        plainBuffer = .allocate(capacity: Self.tailBytesMax + Self.readBytes + Self.recordBytesMax)
        spareDescriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        nextTick = DeadlineWheel.bucketEnd(after: now)
    }

    deinit {
        cipherBuffer.deallocate()
        plainBuffer.deallocate()
        close(spareDescriptor)
        for listener in listeners { close(listener.descriptor) }
    }

    /// Runs until the handler calls `Connections.stop`.
    package mutating func run() {
        mailbox.bind()
        guest?.moveIn()
        while !connections.isStopping {
            let count = connections.poller.wait(timeoutMilliseconds: timeout())
            connections.now = SystemClock.monotonicMilliseconds()
            handshakeReadsLeft = Self.handshakeReadsPerTurn
            deliverMail()
            readHandshakes()
            for index in 0..<count { handle(connections.poller.event(at: index)) }
            giveGuestItsTurn()
            handleResumed()
            handleTime()
            handleDrained()
            // Before anything is written: what is said to others about the end of a connection goes out in this turn.
            handleClosing()
            handler.turnEnded(io: &connections)
            writeOutput()
            if connections.mustGiveWay() { sched_yield() }
        }
        guest?.moveOut()
        for slot in connections.table.indices where connections.table[slot].flags.contains(.open) {
            connections.remove(Int32(slot))
        }
    }

    private func timeout() -> Int32 {
        let isIdle =
            connections.resumed.isEmpty && connections.drained.isEmpty && connections.closing.isEmpty
            && connections.dirty.isEmpty && handshakes.isEmpty
        if mailbox.hasMail || !isIdle || guest?.hasWork == true { return 0 }
        return Int32(clamping: max(nextTick - connections.now, 0))
    }

    mutating func deliverMail() {
        guard mailbox.hasMail else { return }
        handler.mail(mailbox.drain(), io: &connections)
    }

    // MARK: Events

    private mutating func handle(_ event: Poller.Event) {
        let id = ConnectionID(token: event.key)
        guard id.generation != Self.specialGeneration else {
            switch id.slot {
            case Self.mailboxSlot: break
            case Self.guestSlot: isGuestReadable = true
            case let listener: accept(from: listener)
            }
            return
        }
        let index = Int(id.slot)
        guard connections.table[index].generation == id.generation else { return }
        if connections.table[index].flags.contains(.awaitsProxyHeader) {
            readProxyHeader(id)
            return
        }
        if event.isWritable { connections.write(id.slot) }
        let flags = connections.table[index].flags
        if flags.contains(.inputEnded) {
            if event.isBroken { connections.abort(id.slot) }
        } else if event.isReadable, flags.isDisjoint(with: [.readingPaused, .resumed, .closing]) {
            // After `resumeReading` what was kept comes first; the poller reports again what is there.
            read(id)
        } else if event.isReadable, flags.contains(.readingPaused), !flags.contains(.unwatched) {
            connections.updateInterest(id.slot)
        }
    }

    private mutating func accept(from index: Int32) {
        let listener = listeners[Int(index)]
        for _ in 0..<(listener.isTLS ? Self.tlsAcceptsPerTurn : Self.acceptsPerTurn) {
            var address = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let descriptor = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    accept4(listener.descriptor, $0, &size, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
                }
            }
            guard descriptor >= 0 else {
                switch errno {
                case EAGAIN: return
                case EINTR, ECONNABORTED: continue
                case let code:
                    if (code == EMFILE || code == ENFILE) && refuseOne(listener) { continue }
                    pause(index, code)
                    return
                }
            }
            var one: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            let session = listener.isTLS ? tls.map { TLSSession($0.context, connections.cipherPort) } : nil
            do throws(SystemCallError) {
                let slot = try connections.insert(descriptor, tls: session)
                let id = connections.id(of: slot)
                if listener.hasProxyHeader {
                    awaitProxyHeader(id, listener: listener.tag, socket: PeerAddress(address))
                } else {
                    begin(id, listener: listener.tag, peer: PeerAddress(address))
                }
            } catch {
                session?.free()
                close(descriptor)
                logger.error("cannot watch a connection: \(error)")
            }
        }
    }

    // MARK: Reading

    private mutating func read(_ id: ConnectionID) {
        let index = Int(id.slot)
        if let session = connections.table[index].tls {
            readEncrypted(id, session)
            return
        }
        let kept = placeTail(index)
        guard
            let count = receive(
                id, into: UnsafeMutableBufferPointer(rebasing: plainBuffer[kept..<(kept + Self.readBytes)]))
        else {
            restoreTail(id, kept)
            return
        }
        unframeAndDeliver(id, kept: kept, kept + count)
    }

    /// Those who came too late in an earlier turn come before others.
    private mutating func readHandshakes() {
        while handshakeReadsLeft > 0, let id = handshakes.removeFirst() {
            guard connections.isOpen(id) else { continue }
            connections.resumeReading(id.slot)
            read(id)
        }
    }

    private mutating func readEncrypted(_ id: ConnectionID, _ session: TLSSession) {
        let index = Int(id.slot)
        let wasEstablished = session.isEstablished
        if !wasEstablished {
            guard handshakeReadsLeft > 0 else {
                handshakes.append(id)
                connections.pauseReading(id.slot)
                connections.updateInterest(id.slot)
                return
            }
            handshakeReadsLeft -= 1
        }
        guard let count = receive(id, into: cipherBuffer) else { return }
        let port = connections.cipherPort
        port.setInput(UnsafeBufferPointer(rebasing: cipherBuffer[..<count]))
        let kept = placeTail(index)
        var filled = kept
        let end = decryptAll(session, &filled)
        if !connections.sendCipherText(index) { connections.write(id.slot) }
        if filled > kept { unframeAndDeliver(id, kept: kept, filled) } else { restoreTail(id, kept) }
        if !wasEstablished, session.isEstablished { connections.scheduleWrite(id.slot) }
        // The last bytes may have come together with the end: they count.
        switch end {
        case .bytes, .needsMore: break
        case .ended: inputEnded(id)
        case .failed: connections.failTLS(id.slot, session)
        }
    }

    /// Decrypts what the port has behind the first `filled` bytes of the plain buffer.
    private func decryptAll(_ session: TLSSession, _ filled: inout Int) -> TLSSession.Decrypted {
        while true {
            precondition(filled < plainBuffer.count, "there is room for all that one read can bring")
            let result = session.decrypt(into: UnsafeMutableBufferPointer(rebasing: plainBuffer[filled...]))
            guard case .bytes(let count) = result else { return result }
            filled += count
        }
    }

    /// The peer has closed its side, maybe while the handler holds back what came before: that is handled first.
    private mutating func inputEnded(_ id: ConnectionID) {
        let flags = connections.table[Int(id.slot)].flags
        guard flags.isDisjoint(with: [.closing, .inputEnded]) else { return }
        if flags.isDisjoint(with: [.readingPaused, .resumed]) {
            connections.endInput(id.slot)
        } else {
            connections.table[Int(id.slot)].flags.insert(.inputEndPending)
        }
    }

    /// Reads once. nil: nothing to handle; the connection may be lost.
    private mutating func receive(_ id: ConnectionID, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int? {
        let descriptor = connections.table[Int(id.slot)].descriptor
        do throws(SystemCallError) {
            let count = try systemCall("recv") { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
            if count != 0 { return count }
            inputEnded(id)
        } catch {
            connections.abort(id.slot)
        }
        return nil
    }

    /// Puts what the handler left before the place of the next read. What is too large for that stays in the connection.
    private mutating func placeTail(_ index: Int) -> Int {
        let count = connections.table[index].tail.count
        guard count > 0, count <= Self.tailBytesMax else { return 0 }
        _ = plainBuffer.update(fromContentsOf: connections.table[index].tail)
        connections.table[index].tail = []
        return count
    }

    mutating func restoreTail(_ id: ConnectionID, _ count: Int) {
        guard count > 0, connections.isOpen(id) else { return }
        connections.table[Int(id.slot)].tail = Array(plainBuffer[..<count])
    }

    /// Hands the first `count` bytes of the plain buffer to the handler and keeps what it leaves. Mail comes first: what a peer sends because
    /// of something that another thread did must find that done.
    mutating func deliver(_ id: ConnectionID, _ count: Int) {
        let index = Int(id.slot)
        if mailbox.hasMail {
            deliverMail()
        }
        guard connections.table[index].generation == id.generation,
            connections.table[index].flags.isDisjoint(with: [.finishing, .closing])
        else { return }
        if connections.table[index].flags.contains(.readingPaused) || !connections.table[index].tail.isEmpty {
            connections.table[index].tail.append(contentsOf: plainBuffer[..<count])
            if !connections.table[index].flags.contains(.readingPaused) { deliverTail(id) }
            return
        }
        let bytes = UnsafeBufferPointer(rebasing: plainBuffer[..<count])
        let wasWebSocket = connections.isWebSocket(id.slot)
        let used = handler.received(id, Span(_unsafeElements: bytes), io: &connections)
        precondition(used >= 0 && used <= count)
        if used < count, connections.isOpen(id) {
            connections.table[index].tail = Array(bytes[used...])
            if connections.isWebSocket(id.slot) != wasWebSocket { unframeTail(id) }
        }
    }

    mutating func deliverTail(_ id: ConnectionID) {
        let index = Int(id.slot)
        var bytes: [UInt8] = []
        swap(&bytes, &connections.table[index].tail)
        let wasWebSocket = connections.isWebSocket(id.slot)
        let used = handler.received(id, bytes.span, io: &connections)
        precondition(used >= 0 && used <= bytes.count)
        guard used < bytes.count, connections.isOpen(id) else { return }
        // A copy, so that the beginning of the next packet does not hold on to the memory of the last.
        connections.table[index].tail = used > 0 ? Array(bytes[used...]) : bytes
        if connections.isWebSocket(id.slot) != wasWebSocket { unframeTail(id) }
    }

    // MARK: The rest of a turn

    private mutating func handleResumed() {
        guard !connections.resumed.isEmpty else { return }
        var slots: [Int32] = []
        swap(&slots, &connections.resumed)
        for slot in slots where connections.table[Int(slot)].flags.contains(.resumed) {
            connections.table[Int(slot)].flags.remove(.resumed)
            let flags = connections.table[Int(slot)].flags
            guard flags.isDisjoint(with: [.closing, .finishing, .readingPaused]) else { continue }
            let id = connections.id(of: slot)
            if !connections.table[Int(slot)].tail.isEmpty { deliverTail(id) }
            endFramesIfPending(id)
            if flags.contains(.inputEndPending) { inputEnded(id) }
        }
    }

    private mutating func handleTime() {
        for entry in connections.wheel.advance(to: connections.now) {
            let index = Int(entry.id.slot)
            let connection = connections.table[index]
            guard connection.generation == entry.id.generation, connection.scheduledAt == entry.moment else { continue }
            connections.table[index].scheduledAt = 0
            guard connection.deadline != 0, !connection.flags.contains(.closing) else { continue }
            if connection.deadline > connections.now {
                connections.schedule(entry.id.slot, at: connection.deadline)
            } else if connection.flags.contains(.finishing) || !connection.flags.contains(.known) {
                connections.abort(entry.id.slot)
            } else {
                connections.table[index].deadline = 0
                handler.deadlineReached(entry.id, io: &connections)
            }
        }
        if connections.now >= nextTick {
            nextTick = DeadlineWheel.bucketEnd(after: connections.now)
            resumeListeners()
            guest?.tick()
            handler.tick(io: &connections)
        }
    }

    private mutating func handleDrained() {
        var drained: [Int32] = []
        swap(&drained, &connections.drained)
        for slot in drained {
            let id = connections.id(of: slot)
            if connections.isOpen(id) { handler.drained(id, io: &connections) }
        }
    }

    private mutating func writeOutput() {
        var position = 0
        while position < connections.dirty.count {
            let slot = connections.dirty[position]
            position += 1
            guard connections.table[Int(slot)].flags.contains(.dirty) else { continue }
            connections.table[Int(slot)].flags.remove(.dirty)
            if !connections.table[Int(slot)].flags.contains(.awaitsWritability) { connections.write(slot) }
        }
        connections.dirty.removeAll(keepingCapacity: true)
    }
}
