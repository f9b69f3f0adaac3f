import CLinux
import Diagnostics
import Glibc
import Memory

/// An event loop on one thread: own epoll, own listeners, own connections. A turn: poll, handle everything that is ready, then write
/// once per connection with output, then sleep.
package struct Reactor<Handler: ConnectionHandler & ~Copyable>: ~Copyable {
    /// Room for one read, behind room for what the handler left of the last one.
    private static var readBytes: Int { 64 * 1024 }
    private static var tailBytesMax: Int { 64 * 1024 }
    private static var acceptsPerTurn: Int { 64 }
    /// A handshake costs 0.4 ms of CPU: a storm of them must not hold up those who are connected.
    private static var tlsAcceptsPerTurn: Int { 8 }
    /// Marks keys of epoll that are no connections: they have generation `UInt32.max`.
    private static var specialGeneration: UInt32 { .max }
    private static var mailboxSlot: Int32 { -1 }

    var connections: Connections
    var handler: Handler
    private let listeners: [Listener]
    private let mailbox: Mailbox<Handler.Mail>
    private let tls: TLSConfiguration?
    private let logger: Logger
    private let cipherBuffer: UnsafeMutableBufferPointer<UInt8>
    let plainBuffer: UnsafeMutableBufferPointer<UInt8>
    /// Closed to accept (and close) one connection when all descriptors are used up.
    private var spareDescriptor: Int32
    private var nextTick: Int64

    /// - Parameters:
    ///   - listeners: own ones of this reactor; closed when it ends.
    ///   - tls: needed if a listener has TLS.
    package init(
        handler: consuming Handler, listeners: [Listener], mailbox: Mailbox<Handler.Mail>, tls: TLSConfiguration?,
        logger: Logger
    ) throws(SystemCallError) {
        precondition(tls != nil || listeners.allSatisfy { !$0.isTLS })
        let now = SystemClock.monotonicMilliseconds()
        let connections = try Connections(now: now)
        let special = { (slot: Int32) in ConnectionID(slot: slot, generation: Self.specialGeneration).token }
        try connections.poller.add(mailbox.descriptor, key: special(Self.mailboxSlot), [.read, .edge])
        for (index, listener) in listeners.enumerated() {
            try connections.poller.add(listener.descriptor, key: special(Int32(index)), .read)
        }
        self.connections = connections
        self.handler = handler
        self.listeners = listeners
        self.mailbox = mailbox
        self.tls = tls
        self.logger = logger
        cipherBuffer = .allocate(capacity: Self.readBytes)
        plainBuffer = .allocate(capacity: Self.readBytes + Self.tailBytesMax)
        spareDescriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        nextTick = now + DeadlineWheel.bucketMilliseconds
    }

    deinit {
        cipherBuffer.deallocate()
        plainBuffer.deallocate()
        close(spareDescriptor)
        for listener in listeners { close(listener.descriptor) }
    }

    /// Runs until the handler calls `Connections.stop`.
    package mutating func run() {
        while !connections.isStopping {
            let count = connections.poller.wait(timeoutMilliseconds: timeout())
            connections.now = SystemClock.monotonicMilliseconds()
            deliverMail()
            for index in 0..<count { handle(connections.poller.event(at: index)) }
            handleResumed()
            handleTime()
            handler.turnEnded(io: &connections)
            finishTurn()
        }
        for slot in connections.table.indices where connections.table[slot].flags.contains(.open) {
            connections.remove(Int32(slot))
        }
    }

    private func timeout() -> Int32 {
        if mailbox.hasMail || !connections.resumed.isEmpty || !connections.drained.isEmpty { return 0 }
        return Int32(clamping: max(nextTick - connections.now, 0))
    }

    private mutating func deliverMail() {
        guard mailbox.hasMail else { return }
        handler.mail(mailbox.drain(), io: &connections)
    }

    // MARK: Events

    private mutating func handle(_ event: Poller.Event) {
        let id = ConnectionID(token: event.key)
        guard id.generation != Self.specialGeneration else {
            if id.slot != Self.mailboxSlot { accept(from: listeners[Int(id.slot)]) }
            return
        }
        let index = Int(id.slot)
        guard connections.table[index].generation == id.generation else { return }
        if connections.table[index].flags.contains(.awaitsProxyHeader) {
            readProxyHeader(id)
            return
        }
        if event.isWritable { connections.write(id.slot) }
        if connections.table[index].flags.contains(.readingPaused) {
            // A paused connection that is broken would be reported again and again.
            if event.isBroken { connections.abort(id.slot) }
        } else if event.isReadable, connections.table[index].flags.isDisjoint(with: .closing) {
            read(id)
        }
    }

    private mutating func accept(from listener: Listener) {
        for _ in 0..<(listener.isTLS ? Self.tlsAcceptsPerTurn : Self.acceptsPerTurn) {
            var address = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let descriptor = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    accept4(listener.descriptor, $0, &size, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
                }
            }
            guard descriptor >= 0 else {
                if errno == EMFILE || errno == ENFILE { refuseOne(listener) }
                if errno == ECONNABORTED || errno == EINTR { continue }
                return
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

    /// Without a free descriptor the waiting connection would be reported for ever: takes it with the spare one and closes it.
    private mutating func refuseOne(_ listener: Listener) {
        logger.warning("no file descriptor is left for a connection; raise the limit (ulimit -n)")
        close(spareDescriptor)
        let descriptor = accept4(listener.descriptor, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
        if descriptor >= 0 { close(descriptor) }
        spareDescriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
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

    private mutating func readEncrypted(_ id: ConnectionID, _ session: TLSSession) {
        let index = Int(id.slot)
        guard let count = receive(id, into: cipherBuffer) else { return }
        let port = connections.cipherPort
        port.setInput(UnsafeBufferPointer(rebasing: cipherBuffer[..<count]))
        let kept = placeTail(index)
        var filled = kept
        var isEnded = false
        while true {
            switch session.decrypt(into: UnsafeMutableBufferPointer(rebasing: plainBuffer[filled...])) {
            case .bytes(let count):
                filled += count
                // The plain text of one read is never larger than its cipher text, and there is room for that behind the tail.
                if filled < plainBuffer.count { continue }
            case .needsMore: break
            case .ended, .failed: isEnded = true
            }
            break
        }
        _ = connections.sendCipherText(index)
        if !connections.table[index].cipherOutput.isEmpty { connections.write(id.slot) }
        if filled > 0 { unframeAndDeliver(id, kept: kept, filled) }
        if connections.table[index].generation == id.generation, !connections.table[index].output.isEmpty {
            connections.write(id.slot)
        }
        // The last bytes may have come together with the end: they count.
        if isEnded, connections.table[index].generation == id.generation { connections.abort(id.slot) }
    }

    /// Reads once. nil: nothing to handle; the connection may be lost.
    private mutating func receive(_ id: ConnectionID, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int? {
        let descriptor = connections.table[Int(id.slot)].descriptor
        do throws(SystemCallError) {
            let count = try systemCall("recv") { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
            if count != 0 { return count }
        } catch {
            // Reset by the peer: as good as closed.
        }
        connections.abort(id.slot)
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

    private mutating func restoreTail(_ id: ConnectionID, _ count: Int) {
        guard count > 0, !connections.table[Int(id.slot)].flags.contains(.closing) else { return }
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
        if used > 0 { bytes.removeSubrange(..<used) }
        connections.table[index].tail = bytes
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
            if !connections.table[Int(slot)].tail.isEmpty { deliverTail(connections.id(of: slot)) }
        }
    }

    private mutating func handleTime() {
        for entry in connections.wheel.advance(to: connections.now) {
            let index = Int(entry.id.slot)
            let connection = connections.table[index]
            guard connection.generation == entry.id.generation, connection.scheduledAt == entry.moment else { continue }
            connections.table[index].scheduledAt = 0
            guard connection.deadline != 0 else { continue }
            if connection.deadline > connections.now {
                connections.setDeadline(entry.id.slot, at: connection.deadline)
            } else if connection.flags.contains(.finishing) || !connection.flags.contains(.known) {
                connections.abort(entry.id.slot)
            } else {
                connections.table[index].deadline = 0
                handler.deadlineReached(entry.id, io: &connections)
            }
        }
        if connections.now >= nextTick {
            nextTick = connections.now + DeadlineWheel.bucketMilliseconds
            handler.tick(io: &connections)
        }
    }

    private mutating func finishTurn() {
        var drained: [Int32] = []
        swap(&drained, &connections.drained)
        for slot in drained {
            let id = connections.id(of: slot)
            if connections.isOpen(id) { handler.drained(id, io: &connections) }
        }
        var position = 0
        while position < connections.dirty.count {
            let slot = connections.dirty[position]
            position += 1
            guard connections.table[Int(slot)].flags.contains(.dirty) else { continue }
            connections.table[Int(slot)].flags.remove(.dirty)
            if !connections.table[Int(slot)].flags.contains(.awaitsWritability) { connections.write(slot) }
        }
        connections.dirty.removeAll(keepingCapacity: true)
        position = 0
        while position < connections.closing.count {
            let slot = connections.closing[position]
            position += 1
            tellEnd(connections.id(of: slot))
            connections.remove(slot)
        }
        connections.closing.removeAll(keepingCapacity: true)
    }
}
