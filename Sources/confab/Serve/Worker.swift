import Broker
import Transport

/// What runs on one reactor: MQTT and HTTP connections side by side, told apart by their listeners.
struct Worker: ~Copyable, ConnectionHandler {
    enum Mail: Sendable {
        case shard(ShardMail)
        case http(HTTPMail)
        /// Tell the MQTT clients, then end the loop at the next tick.
        case stop
    }

    /// The tags of listeners.
    enum Door: UInt8, CaseIterable {
        case mqtts = 1
        case mqtt, https, http, ops

        var isMQTT: Bool { self == .mqtts || self == .mqtt }
    }

    private var shard: Shard
    private var http: HTTPEndpoint
    /// By connection slot.
    private var isMQTT: [Bool] = []
    private var isStopping = false

    init(shard: consuming Shard, http: consuming HTTPEndpoint) {
        self.shard = shard
        self.http = http
    }

    mutating func opened(_ id: ConnectionID, listener: UInt8, peer: PeerAddress, io: inout Connections) {
        guard let door = Door(rawValue: listener) else { preconditionFailure("only doors have listeners") }
        while isMQTT.count <= Int(id.slot) { isMQTT.append(false) }
        isMQTT[Int(id.slot)] = door.isMQTT
        if door.isMQTT {
            shard.opened(id, peer: peer, io: &io)
        } else {
            http.opened(id, listener: listener, peer: peer, io: &io)
        }
    }

    mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int {
        if isMQTT[Int(id.slot)] { return shard.received(id, bytes, io: &io) }
        let peer = http.peer(of: id)
        let used = http.received(id, bytes, io: &io)
        if io.isWebSocket(id.slot), let peer {
            // What comes from now on is MQTT; that it comes in frames, only the transport knows.
            isMQTT[Int(id.slot)] = true
            shard.opened(id, peer: peer, io: &io)
        }
        return used
    }

    mutating func closed(_ id: ConnectionID, io: inout Connections) {
        if isMQTT[Int(id.slot)] { shard.closed(id, io: &io) } else { http.closed(id) }
    }

    mutating func deadlineReached(_ id: ConnectionID, io: inout Connections) {
        if isMQTT[Int(id.slot)] { shard.deadlineReached(id, io: &io) } else { http.deadlineReached(id, io: &io) }
    }

    mutating func drained(_ id: ConnectionID, io: inout Connections) {
        if isMQTT[Int(id.slot)] { shard.drained(id, io: &io) } else { http.drained(id, io: &io) }
    }

    mutating func mail(_ mail: [Mail], io: inout Connections) {
        for item in mail {
            switch item {
            case .shard(let mail): shard.mail(mail, io: &io)
            case .http(let mail): http.mail(mail, io: &io)
            case .stop:
                isStopping = true
                shard.mail(.stop, io: &io)
            }
        }
    }

    mutating func tick(io: inout Connections) {
        shard.tick(io: &io)
        // What was said in the turn of `.stop` has been written since.
        if isStopping { io.stop() }
    }

    mutating func turnEnded(io: inout Connections) { shard.turnEnded(io: &io) }
}
