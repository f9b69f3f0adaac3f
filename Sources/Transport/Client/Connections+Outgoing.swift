import Glibc

/// Connections that we began ourselves.
extension Connections {
    /// Takes over a connected socket. The handler knows it from now on: it is not told of it by `opened`, and of its end by `closed`.
    /// What is appended before TLS is established waits for that.
    /// - Parameter tls: whom to trust, and the name or address that the server's certificate must be for; nil: plain TCP.
    package mutating func adopt(
        _ socket: DialedSocket, tls: (context: ClientTLSContext, host: String)?
    ) throws(SystemCallError) -> ConnectionID {
        let session = tls.map { TLSSession($0.context, host: $0.host, cipherPort) }
        let descriptor = socket.take()
        let slot: Int32
        do throws(SystemCallError) {
            slot = try insert(descriptor, tls: session)
        } catch {
            session?.free()
            close(descriptor)
            throw error
        }
        table[Int(slot)].flags.insert(.known)
        if let session {
            session.beginHandshake(cipherPort)
            if !sendCipherText(Int(slot)) { write(slot) }
        }
        return id(of: slot)
    }

    /// Why TLS has failed on a connection of ours that is about to be `closed`; nil: it ended for another reason.
    package func failure(_ id: ConnectionID) -> String? { outgoingFailures[id.slot] }

    /// Ends a connection whose TLS has failed. Who it was that came to us wrongly, nobody asks.
    mutating func failTLS(_ slot: Int32, _ session: TLSSession) {
        if session.isClient { outgoingFailures[slot] = session.failure }
        abort(slot)
    }
}
