import MQTT
import Memory

/// Messages between the server and the program. One of QoS 1 or 2 is acknowledged once the program has handled it, in the order in which
/// they came [MQTT-4.6.0-2]; until then the server keeps it, and its Receive Maximum bounds what is here.
struct Inbox {
    /// QoS 0 has no acknowledgement to hold the server back: what comes while so much waits is dropped.
    static let unacknowledgedMax = 1_000
    static let unacknowledgedBytesMax = 8 * 1024 * 1024

    private struct Delivery {
        enum State {
            case queued
            /// The program has it.
            case taken
            /// The program is done with it.
            case handled
        }

        let message: MQTTMessage
        /// 0: there is nothing to acknowledge, at QoS 0 or because the session is gone.
        var packetID: UInt16
        var state = State.queued
        /// It came on this connection, which awaits PUBACK or PUBREC.
        var isOwed: Bool
        /// What it counts of `unacknowledgedBytesMax`.
        let unacknowledgedBytes: Int
        /// It comes again, since the connection that it came on was lost.
        var isReplaced = false
    }

    /// What became of a QoS 2 message that is not released yet.
    private enum Exchange {
        case held(token: UInt64)
        /// PUBREC is sent.
        case confirmed
    }

    private let receiveMaximum: Int
    private var nextToken: UInt64 = 1
    private var deliveries: [UInt64: Delivery] = [:]
    private var queued = Queue<UInt64>()
    /// Those that the current connection wants acknowledged, in order.
    private var owed = Queue<UInt64>()
    private var exchanges: [UInt16: Exchange] = [:]
    /// QoS 1, came on a connection that was lost before the program took them: if the server still has the session, they come again.
    private var inDoubt: [UInt64] = []
    private var unacknowledgedCount = 0
    private var unacknowledgedBytes = 0
    /// Messages of QoS 0 that there was no room for.
    private(set) var droppedCount = 0

    init(receiveMaximum: UInt16) { self.receiveMaximum = Int(receiveMaximum) }

    /// Whether the program has a message that it is not done with.
    var isBusy: Bool {
        deliveries.values.contains { if case .taken = $0.state { true } else { false } }
    }

    // MARK: The server's side

    mutating func receive(
        _ publish: Publish, in bytes: Span<UInt8>, into output: inout [UInt8]
    ) throws(ProtocolError) {
        switch publish.qos {
        case .atMostOnce: try receiveUnacknowledged(publish, in: bytes)
        case .atLeastOnce: try enqueue(publish, in: bytes)
        case .exactlyOnce:
            switch exchanges[publish.packetID] {
            case nil:
                exchanges[publish.packetID] = .held(token: nextToken)
                try enqueue(publish, in: bytes)
            case .confirmed: Self.acknowledge(.pubrec, publish.packetID, into: &output)
            case .held(let token):
                // Sent again after a reconnect: the program gets it once, and its answer goes to this connection.
                guard deliveries[token]?.isOwed == false else { return }
                deliveries[token]?.isOwed = true
                owed.append(token)
                settle(into: &output)
            }
        }
    }

    private mutating func receiveUnacknowledged(_ publish: Publish, in bytes: Span<UInt8>) throws(ProtocolError) {
        let size = publish.payload.count + publish.properties.count
        guard unacknowledgedCount < Self.unacknowledgedMax, unacknowledgedBytes + size <= Self.unacknowledgedBytesMax
        else {
            droppedCount += 1
            return
        }
        unacknowledgedCount += 1
        unacknowledgedBytes += size
        try insert(publish, in: bytes, size: size)
    }

    private mutating func enqueue(_ publish: Publish, in bytes: Span<UInt8>) throws(ProtocolError) {
        guard owed.count < receiveMaximum else {
            throw ProtocolError(.receiveMaximumExceeded, "more messages than our Receive Maximum allows")
        }
        owed.append(nextToken)
        try insert(publish, in: bytes, size: 0)
    }

    private mutating func insert(_ publish: Publish, in bytes: Span<UInt8>, size: Int) throws(ProtocolError) {
        let message = try MQTTMessage(publish, in: bytes, token: nextToken)
        deliveries[nextToken] = Delivery(
            message: message, packetID: publish.packetID, isOwed: publish.qos.isAcknowledged, unacknowledgedBytes: size)
        queued.append(nextToken)
        nextToken += 1
    }

    /// PUBREL: the server will not send the message again.
    mutating func release(_ id: UInt16, into output: inout [UInt8]) {
        let isKnown = exchanges[id] != nil
        if case .held(let token)? = exchanges[id] {
            // The server takes it for confirmed: nothing is owed any more.
            deliveries[token]?.packetID = 0
            deliveries[token]?.isOwed = false
            owed.removeAll { $0 == token }
        }
        exchanges[id] = nil
        Self.acknowledge(.pubcomp, id, isKnown ? .success : .packetIdentifierNotFound, into: &output)
    }

    // MARK: The program's side

    mutating func take() -> MQTTMessage? {
        guard let token = queued.removeFirst() else { return nil }
        guard let delivery = deliveries[token] else { preconditionFailure("what is queued is there") }
        deliveries[token]?.state = .taken
        if delivery.message.qos == .atMostOnce {
            unacknowledgedCount -= 1
            unacknowledgedBytes -= delivery.unacknowledgedBytes
        }
        return delivery.message
    }

    /// The program is done with it: it may be acknowledged, as soon as those before it are.
    mutating func handled(_ token: UInt64, into output: inout [UInt8]) {
        guard case .taken? = deliveries[token]?.state else { return }
        deliveries[token]?.state = .handled
        settle(into: &output)
        guard let delivery = deliveries[token], !delivery.isOwed else { return }
        // One of QoS 2 that will be sent again is remembered, to be confirmed then.
        if delivery.packetID == 0 || delivery.message.qos == .atLeastOnce { deliveries[token] = nil }
    }

    /// The program has let go of it without being done: it is the next to be taken, here or from a later connection.
    mutating func putBack(_ token: UInt64) {
        guard let delivery = deliveries[token], case .taken = delivery.state else { return }
        if delivery.isReplaced {
            deliveries[token] = nil
            return
        }
        deliveries[token]?.state = .queued
        if delivery.message.qos == .atLeastOnce, delivery.packetID != 0, !delivery.isOwed {
            inDoubt.append(token)
            return
        }
        if delivery.message.qos == .atMostOnce {
            unacknowledgedCount += 1
            unacknowledgedBytes += delivery.unacknowledgedBytes
        }
        queued.prepend([token])
    }

    private mutating func settle(into output: inout [UInt8]) {
        while let token = owed.first {
            guard let delivery = deliveries[token] else { preconditionFailure("what is owed is there") }
            guard case .handled = delivery.state else { return }
            _ = owed.removeFirst()
            deliveries[token] = nil
            if delivery.message.qos == .exactlyOnce { exchanges[delivery.packetID] = .confirmed }
            Self.acknowledge(
                delivery.message.qos == .exactlyOnce ? .pubrec : .puback, delivery.packetID, into: &output)
        }
    }

    // MARK: Connections

    mutating func connectionLost() {
        for token in owed.drain() {
            deliveries[token]?.isOwed = false
            guard let delivery = deliveries[token], delivery.message.qos == .atLeastOnce else { continue }
            switch delivery.state {
            case .queued: inDoubt.append(token)
            case .taken: break
            // It waited for one before it, and comes again.
            case .handled: deliveries[token] = nil
            }
        }
        let doubtful = Set(inDoubt)
        queued.removeAll { doubtful.contains($0) }
    }

    /// - Parameter sessionPresent: whether the server sends again what was not acknowledged.
    mutating func connected(sessionPresent: Bool) {
        if sessionPresent {
            for token in inDoubt { deliveries[token] = nil }
            for (token, delivery) in deliveries where delivery.message.qos == .atLeastOnce {
                deliveries[token]?.isReplaced = true
            }
        } else {
            queued.prepend(inDoubt.sorted())
            exchanges = [:]
            for (token, delivery) in deliveries {
                deliveries[token]?.packetID = 0
                if case .handled = delivery.state { deliveries[token] = nil }
            }
        }
        inDoubt = []
    }

    private static func acknowledge(
        _ type: PacketType, _ id: UInt16, _ reason: ReasonCode = .success, into output: inout [UInt8]
    ) {
        ServerPacket.encodeAcknowledgement(type, into: &output, version: .v5, packetID: id, reason: reason)
    }
}
