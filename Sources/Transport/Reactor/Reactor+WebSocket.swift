/// Frames on their way in, between the socket (or TLS) and the handler.
extension Reactor where Handler: ~Copyable {
    /// Hands the first `count` bytes of the plain buffer to the handler; those behind `kept` are frames if the connection speaks
    /// WebSocket.
    mutating func unframeAndDeliver(_ id: ConnectionID, kept: Int, _ count: Int) {
        guard connections.isWebSocket(id.slot) else {
            deliver(id, count)
            return
        }
        guard connections.isOpen(id) else { return }
        var frames = UnsafeMutableBufferPointer(rebasing: plainBuffer[kept..<count]).mutableSpan
        let (payload, closeCode) = connections.unframe(id.slot, &frames)
        if payload > 0 { deliver(id, kept + payload) } else { restoreTail(id, kept) }
        if let closeCode { endFrames(id, closeCode) }
    }

    /// The handler has just switched the connection to WebSocket: what it left are frames.
    mutating func unframeTail(_ id: ConnectionID) {
        let index = Int(id.slot)
        var bytes: [UInt8] = []
        swap(&bytes, &connections.table[index].tail)
        var frames = bytes.mutableSpan
        let (payload, closeCode) = connections.unframe(id.slot, &frames)
        bytes.removeLast(bytes.count - payload)
        connections.table[index].tail = bytes
        if payload > 0 { deliverTail(id) }
        if let closeCode { endFrames(id, closeCode) }
    }

    /// The close frame was received, or is all that is left to say. The handler need not wait until the peer closes its side.
    /// What came before it comes first: the handler may hold it back.
    private mutating func endFrames(_ id: ConnectionID, _ closeCode: UInt16) {
        guard connections.isOpen(id) else { return }
        let flags = connections.table[Int(id.slot)].flags
        guard flags.isDisjoint(with: [.readingPaused, .resumed]) else {
            connections.postponeEnd(id.slot, closeCode)
            return
        }
        connections.finishWebSocket(id.slot, closeCode)
        tellEnd(id)
    }

    /// For a handler that takes bytes again.
    mutating func endFramesIfPending(_ id: ConnectionID) {
        guard connections.isOpen(id), let closeCode = connections.takePostponedEnd(id.slot) else { return }
        endFrames(id, closeCode)
    }
}
