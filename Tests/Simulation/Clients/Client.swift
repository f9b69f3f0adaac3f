import MQTT
import Topics

/// A client as the MQTT specification wants it: it publishes, sends again what was not acknowledged, and checks what it gets.
final class Client {
    /// A topic that it publishes to.
    struct Target {
        var topic: String
        var isStored: Bool
        var qos: QoS
        /// The client's right to publish there may be taken away.
        var isVolatile = false
    }

    struct Wanted {
        var filter: TopicFilter
        var qos: QoS
        var isConfirmed = false
        /// Messages of the ledger from this one on were sent after SUBACK had come; nil: it never did.
        var firstMessage: Int?
    }

    /// A publish that is not complete.
    struct Outgoing {
        var packetID: UInt16
        var message: Int
        var qos: QoS
        /// PUBREC came: PUBREL is due, or was sent.
        var isReleased = false
    }

    /// A QoS 2 message between PUBLISH and PUBREL.
    struct Received {
        var payload: [UInt8]
        /// The hub may not send it again if the user has lost the right to read it, and has no reason to if the subscription that it
        /// came for was not granted, or if it comes by another filter: then PUBREL never comes.
        var mayBeGivenUp: Bool
    }

    enum Phase {
        case offline
        /// CONNECT is sent.
        case connecting
        case connected
    }

    let world: World
    let ledger: Ledger
    let database: SimulatedDatabase
    let index: Int
    /// 0: anonymous.
    let user: Int64
    let version: ProtocolVersion
    let isPersistent: Bool
    let receiveMaximum: Int
    let keepAliveSeconds: UInt16
    let targets: [Target]
    var wanted: [Wanted]
    var messagesLeft: Int

    // The session, as far as the client keeps it.
    var outgoing: [Outgoing] = []
    /// Messages that are to be sent as new ones once more.
    var unsent: [Int] = []
    /// QoS 2 messages that came, and whose PUBREL did not.
    var received: [UInt16: Received] = [:]
    /// After a refusal that is not for good.
    var retryAt: Int64 = 0
    var hasSession = false
    var nextPacketID: UInt16 = 1
    var record = Record()

    // The connection.
    var link: Link?
    var phase = Phase.offline
    /// Acknowledgements that are to be sent, in this order.
    var answers: [(type: PacketType, packetID: UInt16)] = []
    /// Packet identifiers of the hub that this connection has not completed.
    var openDeliveries: Set<UInt16> = []
    /// By topic, the last entry of this connection.
    var lastSeqs: [Int64: Int64] = [:]
    var subscribeID: UInt16 = 0
    var lastSentAt: Int64 = 0

    init(
        _ world: World, _ ledger: Ledger, _ database: SimulatedDatabase, index: Int, _ plan: ClientPlan,
        messagesMax: Int
    ) {
        self.world = world
        self.ledger = ledger
        self.database = database
        self.index = index
        user = plan.user
        version = plan.version
        isPersistent = plan.isPersistent
        receiveMaximum = plan.receiveMaximum
        keepAliveSeconds = plan.keepAliveSeconds
        targets = plan.targets
        wanted = plan.wanted
        messagesLeft = plan.targets.isEmpty ? 0 : messagesMax
    }

    var name: String { "c\(index)" }

    /// Nothing of its own is under way.
    var isQuiet: Bool {
        phase == .connected && outgoing.isEmpty && unsent.isEmpty && answers.isEmpty && messagesLeft == 0
            && wanted.allSatisfy(\.isConfirmed) && openDeliveries.isEmpty && received.values.allSatisfy(\.mayBeGivenUp)
    }

    // MARK: Connecting

    func connect(over link: Link, token: [UInt8]?) {
        world.note("connects", index, link.shard, "\(name) to shard \(link.shard)")
        self.link = link
        phase = .connecting
        answers = []
        openDeliveries = []
        lastSeqs = [:]
        subscribeID = 0
        var connect = Connect(version: version, cleanStart: !isPersistent, keepAliveSeconds: keepAliveSeconds)
        connect.clientID = Array(name.utf8)
        connect.password = token
        if token != nil { connect.username = [] }
        if version == .v5 {
            connect.sessionExpirySeconds = isPersistent ? .max : 0
            connect.receiveMaximum = UInt16(receiveMaximum)
        }
        var bytes: [UInt8] = []
        ClientPacket.encodeConnect(into: &bytes, connect)
        send(bytes)
    }

    func send(_ bytes: [UInt8]) {
        link?.toHub += bytes
        lastSentAt = world.now
    }

    func received(_ connack: Connack) {
        world.expect(phase == .connecting, "\(name) got a second CONNACK")
        guard !connack.reason.isError else {
            world.note("refused connection", index, Int(connack.reason.rawValue), "\(name): \(connack.reason)")
            return
        }
        world.note("connected", index, connack.sessionPresent ? 1 : 0, name)
        phase = .connected
        world.expect(isPersistent || !connack.sessionPresent, "\(name) has a session that it does not want")
        world.expect(!hasSession || connack.sessionPresent, "\(name) has lost its session")
        hasSession = isPersistent
        if connack.sessionPresent { resume() } else { beginAnew() }
    }

    /// [MQTT-4.4.0-1]: what is not complete is sent again, in order.
    private func resume() {
        for item in outgoing {
            if item.isReleased {
                sendAcknowledgement(.pubrel, item.packetID)
            } else {
                ledger.sendAgain(item.message)
                send(item, isRepeated: true)
            }
        }
    }

    /// The session is gone, and the client's part of it. On stored topics `client_ref` says what is the same message, on others nothing does.
    private func beginAnew() {
        received = [:]
        for index in wanted.indices where !isPersistent { wanted[index].isConfirmed = false }
        unsent = outgoing.filter { !$0.isReleased && ledger.messages[$0.message].isStored }.map(\.message) + unsent
        outgoing = []
    }

    /// The connection is no more, for whatever reason.
    func goOffline() {
        link = nil
        phase = .offline
        answers = []
        openDeliveries = []
    }

    // MARK: What it does by itself

    /// Does one of the things that are due.
    func act() {
        guard phase == .connected else { return }
        if world.now - lastSentAt >= 15_000 {
            var bytes: [UInt8] = []
            ClientPacket.encodePingreq(into: &bytes)
            send(bytes)
        } else if subscribeID == 0, wanted.contains(where: { !$0.isConfirmed }) {
            subscribe()
        } else if !answers.isEmpty, world.random.happens(600) {
            for _ in 0..<world.random.number(in: 1...answers.count) { sendNextAnswer() }
        } else if outgoing.count < 8 {
            publishNext()
        }
    }

    private func sendNextAnswer() {
        let answer = answers.removeFirst()
        if answer.type == .puback || answer.type == .pubcomp { openDeliveries.remove(answer.packetID) }
        sendAcknowledgement(answer.type, answer.packetID)
    }

    private func subscribe() {
        subscribeID = takePacketID()
        var subscribe = Subscribe(packetID: subscribeID)
        for item in wanted where !item.isConfirmed {
            subscribe.entries.append(
                Subscribe.Entry(filter: item.filter.bytes, options: SubscriptionOptions(qos: item.qos)))
        }
        world.note("subscribes", index, subscribe.entries.count, name)
        var bytes: [UInt8] = []
        ClientPacket.encodeSubscribe(into: &bytes, version: version, subscribe)
        send(bytes)
    }

    func received(_ suback: Suback) {
        guard suback.packetID == subscribeID else { return world.fail("\(name) got a SUBACK for nothing") }
        subscribeID = 0
        let pending = wanted.indices.filter { !wanted[$0].isConfirmed }
        world.expect(pending.count == suback.reasons.count, "\(name) got a SUBACK of another length")
        for (index, reason) in zip(pending, suback.reasons) {
            guard !reason.isError else {
                world.fail("\(name) may not subscribe to \(wanted[index].filter): \(reason)")
                continue
            }
            wanted[index].isConfirmed = true
            wanted[index].firstMessage = wanted[index].firstMessage ?? ledger.count
            noteStart(of: wanted[index])
        }
        world.note("subscribed", self.index, pending.count, name)
    }

    /// From now on it has to get what is stored on the topics that the filter matches.
    private func noteStart(of wanted: Wanted) {
        for log in database.tables.logs.values where record.starts[log.topic.id] == nil {
            guard log.isNamed(by: wanted.filter) else { continue }
            record.starts[log.topic.id] = log.lastSeq
        }
    }

    func takePacketID() -> UInt16 {
        repeat {
            nextPacketID = nextPacketID == .max ? 1 : nextPacketID + 1
        } while outgoing.contains { $0.packetID == nextPacketID } || nextPacketID == subscribeID
        return nextPacketID
    }

    func sendAcknowledgement(_ type: PacketType, _ packetID: UInt16) {
        var bytes: [UInt8] = []
        ServerPacket.encodeAcknowledgement(type, into: &bytes, version: version, packetID: packetID)
        send(bytes)
    }
}

extension Tables.Log {
    /// Whether a filter matches the topic's name; the logs of plain filters have none.
    func isNamed(by filter: TopicFilter) -> Bool {
        if case .filterLog = topic.address { return false }
        var name: [UInt8] = []
        topic.address.appendName(to: &name)
        return filter.matches(name.span)
    }
}
