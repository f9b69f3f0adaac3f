import Identity
import MQTT
import Memory
import Transport

/// Clients on their way in, in their order. However many come at once, those who are there must not notice.
struct Arrivals {
    /// Whose token is to be verified.
    private var unverified = Queue<ConnectionID>()
    /// Serials of claims for which nothing is asked yet.
    private var unloaded = Queue<UInt64>()
    private var loadingCount = 0
    /// Tokens that may still be verified in this turn.
    private var verificationsLeft = Limits.verificationsPerTurn

    /// Whether a client's token may be verified at once; else it waits for its turn.
    mutating func mayVerify(_ id: ConnectionID) -> Bool {
        guard unverified.isEmpty, verificationsLeft > 0 else {
            unverified.append(id)
            return false
        }
        verificationsLeft -= 1
        return true
    }

    /// Who is next in this turn.
    mutating func nextUnverified() -> ConnectionID? {
        guard verificationsLeft > 0, let id = unverified.removeFirst() else { return nil }
        verificationsLeft -= 1
        return id
    }

    /// - Returns: whether somebody waits for the next turn.
    mutating func turnEnded() -> Bool {
        verificationsLeft = Limits.verificationsPerTurn
        return !unverified.isEmpty
    }

    /// Whether the database may be asked for a client at once; else it waits.
    mutating func mayLoad(_ serial: UInt64) -> Bool {
        guard loadingCount < Limits.clientsLoadingMax else {
            unloaded.append(serial)
            return false
        }
        loadingCount += 1
        return true
    }

    /// The database has answered for one.
    /// - Parameter isThere: whether a client still waits.
    /// - Returns: for whom to ask next.
    mutating func loaded(where isThere: (UInt64) -> Bool) -> UInt64? {
        loadingCount -= 1
        while let serial = unloaded.removeFirst() {
            if isThere(serial) { return serial }
        }
        return nil
    }
}

/// A client whose CONNECT is well-formed, until its user is known.
struct Resolving {
    var connection: ConnectionID
    var connect: Connect
    var token: [UInt8]
    var peer: PeerAddress
}

extension Shard {
    mutating func identify(
        _ id: ConnectionID, _ connect: consuming Connect, _ token: [UInt8], from peer: PeerAddress,
        io: inout Connections
    ) throws(ProtocolError) {
        let client = Resolving(connection: id, connect: connect, token: token, peer: peer)
        if arrivals.mayVerify(id) {
            try verify(client, io: &io)
        } else {
            wait(client, io: &io)
        }
    }

    /// The end of a turn: verifies some more tokens of those who wait.
    mutating func identifyNext(io: inout Connections) {
        while let id = arrivals.nextUnverified() {
            guard let client = resolving[id.slot], client.connection == id else { continue }
            resolving[id.slot] = nil
            do throws(ProtocolError) {
                try verify(client, io: &io)
            } catch {
                refuseConnect(id, error, packetBytesMax: client.connect.packetBytesMax, io: &io)
            }
        }
        if arrivals.turnEnded() { hub.mailroom.post(.nextTurn, to: index) }
    }

    private mutating func verify(_ client: Resolving, io: inout Connections) throws(ProtocolError) {
        let token = try verify(client.token, of: client.connect, from: client.peer, now: io.now)
        if let claims = hub.services.outsiders.knownClaims(of: token) {
            try begin(client.connection, client.connect, claims, io: &io)
        } else {
            wait(client, io: &io)
            resolve(client.connection, token)
        }
    }

    private mutating func wait(_ client: Resolving, io: inout Connections) {
        resolving[client.connection.slot] = client
        clients[Int(client.connection.slot)] = .resolving
        io.pauseReading(client.connection.slot)
    }
}
