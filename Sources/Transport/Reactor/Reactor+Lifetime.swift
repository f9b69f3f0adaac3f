import CLinux
import Glibc

/// How a connection begins, at once or after a proxy has said for whom it is, and how it ends.
extension Reactor where Handler: ~Copyable {
    /// The header is the proxy's first segment.
    private static var proxyHeaderMilliseconds: Int64 { 10_000 }
    /// An end costs up to 0.05 ms of CPU: when thousands are lost at once, those who stay must not notice.
    private static var closingsPerTurn: Int { 64 }

    mutating func begin(_ id: ConnectionID, listener: UInt8, peer: PeerAddress) {
        connections.table[Int(id.slot)].flags.insert(.known)
        handler.opened(id, listener: listener, peer: peer, io: &connections)
    }

    /// Tells the handler once, and only of what it knows.
    mutating func tellEnd(_ id: ConnectionID) {
        guard connections.table[Int(id.slot)].flags.contains(.known) else { return }
        connections.table[Int(id.slot)].flags.remove(.known)
        handler.closed(id, io: &connections)
    }

    /// Ends some of the connections that are to end; the others wait for the next turn.
    mutating func handleClosing() {
        var position = 0
        while position < min(connections.closing.count, Self.closingsPerTurn) {
            let slot = connections.closing[position]
            position += 1
            tellEnd(connections.id(of: slot))
            connections.remove(slot)
        }
        connections.closing.removeFirst(position)
        for slot in connections.closing where !connections.table[Int(slot)].flags.contains(.unwatched) {
            connections.updateInterest(slot)
        }
    }

    mutating func awaitProxyHeader(_ id: ConnectionID, listener: UInt8, socket: PeerAddress) {
        connections.table[Int(id.slot)].flags.insert(.awaitsProxyHeader)
        connections.proxied[id.slot] = (listener, socket)
        connections.setDeadline(id.slot, at: connections.now + Self.proxyHeaderMilliseconds)
    }

    /// Takes the header out of the socket and no byte more: what follows may be TLS. A part of a header waits in the tail.
    mutating func readProxyHeader(_ id: ConnectionID) {
        let index = Int(id.slot)
        guard !connections.table[index].flags.contains(.closing) else { return }
        let kept = connections.table[index].tail.count
        guard let count = receiveHeader(index, max: ProxyHeader.bytesMax - kept, flags: Int32(MSG_PEEK)), count > 0
        else {
            // Nothing yet, or the end. (An error shows with the next event.)
            return
        }
        let bytes = connections.table[index].tail + plainBuffer[..<count]
        switch ProxyHeader.parse(bytes.span) {
        case .malformed: connections.abort(id.slot)
        case .needMore:
            _ = receiveHeader(index, max: count, flags: 0)
            connections.table[index].tail = bytes
        case .complete(let length, let source):
            precondition(length > kept, "with what was there before it was not complete")
            _ = receiveHeader(index, max: length - kept, flags: 0)
            connections.table[index].tail = []
            connections.table[index].flags.remove(.awaitsProxyHeader)
            connections.setDeadline(id.slot, at: 0)
            guard let (listener, socket) = connections.proxied.removeValue(forKey: id.slot) else {
                preconditionFailure("kept since the connection was accepted")
            }
            begin(id, listener: listener, peer: source ?? socket)
        }
    }

    /// - Returns: nil if there is nothing yet; the connection is closed at its end.
    private mutating func receiveHeader(_ index: Int, max: Int, flags: Int32) -> Int? {
        let descriptor = connections.table[index].descriptor
        do throws(SystemCallError) {
            let count = try systemCall("recv") { recv(descriptor, plainBuffer.baseAddress, max, flags) }
            if count != 0 { return count }
        } catch {
            // Reset by the peer: as good as closed.
        }
        connections.abort(Int32(index))
        return nil
    }
}
