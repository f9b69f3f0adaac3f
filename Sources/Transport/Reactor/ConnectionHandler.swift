/// What runs on top of a reactor: gets bytes and events of its connections, on the reactor's thread, and answers through `io`.
package protocol ConnectionHandler: ~Copyable {
    /// What other threads send it.
    associatedtype Mail: Sendable

    /// A connection was accepted; `listener` is the listener's tag. For TLS the handshake is still to come.
    mutating func opened(_ id: ConnectionID, listener: UInt8, peer: PeerAddress, io: inout Connections)

    /// Bytes arrived (decrypted). Returns how many were used; the rest comes again, with what follows it, in the next call.
    mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int

    /// The connection is gone; its id is never used again. Not called before `opened`, and once.
    mutating func closed(_ id: ConnectionID, io: inout Connections)

    /// The moment given to `setDeadline` has come.
    mutating func deadlineReached(_ id: ConnectionID, io: inout Connections)

    /// The output that had made the connection congested has been sent, but for a little; or what `awaitRefill` waits for has come.
    mutating func drained(_ id: ConnectionID, io: inout Connections)

    mutating func mail(_ mail: [Mail], io: inout Connections)

    /// About four times a second.
    mutating func tick(io: inout Connections)

    /// All events of a turn are handled, nothing of its output has been written yet.
    mutating func turnEnded(io: inout Connections)
}
