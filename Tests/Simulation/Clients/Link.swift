import Glibc
import Transport

/// A connection of a client, and what is on its way.
struct Link {
    /// Of the hub that it leads to.
    let life: Int
    let shard: Int
    let id: ConnectionID
    let socket: Int32
    /// When it was opened.
    let openedStep: Int
    /// A step at which the shard knew all that it had been told, before it wrote what has not been read yet.
    var informedStep: Int
    /// Sent by the client, not arrived yet.
    var toHub: [UInt8] = []
    /// Of an incomplete packet.
    var unread: [UInt8] = []
    var isReading = true

    /// At most so many bytes of what has come from the hub.
    /// - Returns: nil: that was the end.
    func read(_ countMax: Int) -> [UInt8]? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: countMax) { buffer in
            let count = recv(socket, buffer.baseAddress, countMax, 0)
            if count == 0 || count < 0 && errno != EAGAIN { return nil }
            return count < 0 ? [] : Array(UnsafeBufferPointer(rebasing: buffer[..<count]))
        }
    }
}

/// A connection that its client has given up, while the hub may not know yet.
struct Remnant {
    var link: Link
    /// The client closed it in good order: all that it sent arrives.
    var isInOrder: Bool
    /// The client's end is still open, so that what the hub writes vanishes.
    var isOpen: Bool
}
