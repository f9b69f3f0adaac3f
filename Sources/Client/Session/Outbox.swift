import MQTT
import Memory

/// Publishes of QoS 1 and 2 that the server has not taken yet. They outlive connections; each is sent again until there is an answer.
struct Outbox {
    struct Publish {
        let request: RequestID
        /// The encoded packet, its identifier still to be filled in.
        let frame: [UInt8]
        let packetIDOffset: Int
        let qos: QoS
        /// With a `client_ref` the server knows a repetition for what it is.
        let hasReference: Bool
    }

    enum Outcome {
        case taken(PublishAcknowledgement)
        case failed(MQTTError)
    }

    private enum Stage {
        /// PUBLISH is sent.
        case published
        /// PUBREC has come, PUBREL is sent.
        case released(PublishAcknowledgement)
    }

    private struct InFlight {
        let publish: Publish
        /// Ascends in the order in which they were sent first.
        let order: UInt64
        var stage = Stage.published
    }

    private var waiting = Queue<Publish>()
    private var inFlight: [UInt16: InFlight] = [:]
    private var nextOrder: UInt64 = 0
    /// Their callers do not wait any more.
    private var forgotten: Set<RequestID> = []

    var isEmpty: Bool { waiting.isEmpty && inFlight.isEmpty }

    mutating func append(_ publish: Publish) { waiting.append(publish) }

    /// What was not sent yet will not be; of the rest, nobody wants to know the outcome.
    mutating func cancel(_ request: RequestID) {
        waiting.removeAll { $0.request == request }
        if inFlight.values.contains(where: { $0.publish.request == request }) { forgotten.insert(request) }
    }

    /// Sends what the server's limits allow, in order.
    mutating func send(
        into output: inout [UInt8], ids: inout PacketIDs, limits: ServerLimits
    ) -> [(RequestID, Outcome)] {
        var outcomes: [(RequestID, Outcome)] = []
        while inFlight.count < limits.receiveMaximum, let next = waiting.first {
            if let refusal = limits.refusal(ofPublish: next.frame.count, qos: next.qos) {
                _ = waiting.removeFirst()
                outcomes.append((next.request, .failed(.refused(refusal))))
                continue
            }
            guard let id = ids.take() else { break }
            _ = waiting.removeFirst()
            var frame = next.frame
            ServerPacket.patchPacketID(id, in: &frame, at: next.packetIDOffset)
            output += frame
            inFlight[id] = InFlight(publish: next, order: nextOrder)
            nextOrder += 1
        }
        return outcomes
    }

    /// The server still has the session: sends again what it has not answered, in the first order [MQTT-4.4.0-1].
    func resend(into output: inout [UInt8]) {
        for (id, entry) in inFlight.sorted(by: { $0.value.order < $1.value.order }) {
            switch entry.stage {
            case .published:
                output += ServerPacket.repeated(entry.publish.frame, packetID: id, at: entry.publish.packetIDOffset)
            case .released: Self.release(id, into: &output)
            }
        }
    }

    /// The server has lost the session, and with it the identifiers. What may be sent anew goes before what waits.
    mutating func sessionLost(ids: inout PacketIDs) -> [(RequestID, Outcome)] {
        var outcomes: [(RequestID, Outcome)] = []
        var again: [Publish] = []
        for (id, entry) in inFlight.sorted(by: { $0.value.order < $1.value.order }) {
            ids.free(id)
            let publish = entry.publish
            switch entry.stage {
            case .released(let acknowledgement): outcomes.append((publish.request, .taken(acknowledgement)))
            case .published where forgotten.contains(publish.request): continue
            case .published where publish.qos == .atLeastOnce || publish.hasReference: again.append(publish)
            case .published: outcomes.append((publish.request, .failed(.sessionLost)))
            }
        }
        inFlight = [:]
        waiting.prepend(again)
        return filtered(outcomes)
    }

    /// PUBACK; nil: of no publish of ours, or nobody wants to know.
    mutating func acknowledged(
        _ id: UInt16, _ acknowledgement: PublishAcknowledgement, _ refusal: Refusal?, ids: inout PacketIDs
    ) -> (RequestID, Outcome)? {
        guard let entry = inFlight[id], case .published = entry.stage, entry.publish.qos == .atLeastOnce else {
            return nil
        }
        return finish(id, refusal.map { .failed(.refused($0)) } ?? .taken(acknowledgement), ids: &ids)
    }

    /// PUBREC: it is answered by PUBREL, unless it is a refusal.
    mutating func received(
        _ id: UInt16, _ acknowledgement: PublishAcknowledgement, _ refusal: Refusal?, ids: inout PacketIDs,
        into output: inout [UInt8]
    ) -> (RequestID, Outcome)? {
        guard let entry = inFlight[id], entry.publish.qos == .exactlyOnce else {
            if refusal == nil { Self.release(id, into: &output, reason: .packetIdentifierNotFound) }
            return nil
        }
        if let refusal { return finish(id, .failed(.refused(refusal)), ids: &ids) }
        if case .published = entry.stage { inFlight[id]?.stage = .released(acknowledgement) }
        Self.release(id, into: &output)
        return nil
    }

    /// PUBCOMP; one that does not know the identifier has forgotten the exchange after it was complete.
    mutating func completed(_ id: UInt16, ids: inout PacketIDs) -> (RequestID, Outcome)? {
        guard case .released(let acknowledgement)? = inFlight[id]?.stage else { return nil }
        return finish(id, .taken(acknowledgement), ids: &ids)
    }

    private mutating func finish(
        _ id: UInt16, _ outcome: Outcome, ids: inout PacketIDs
    ) -> (RequestID, Outcome)? {
        guard let entry = inFlight.removeValue(forKey: id) else { preconditionFailure("looked up by the caller") }
        ids.free(id)
        return filtered([(entry.publish.request, outcome)]).first
    }

    private mutating func filtered(_ outcomes: [(RequestID, Outcome)]) -> [(RequestID, Outcome)] {
        outcomes.filter { forgotten.remove($0.0) == nil }
    }

    private static func release(_ id: UInt16, into output: inout [UInt8], reason: ReasonCode = .success) {
        ServerPacket.encodeAcknowledgement(.pubrel, into: &output, version: .v5, packetID: id, reason: reason)
    }
}

/// Names one call of the client's, for as long as it waits.
typealias RequestID = UInt64

/// What CONNACK told of the server.
struct ServerLimits {
    var receiveMaximum = 65_535
    var maximumQoS = QoS.exactlyOnce
    var packetBytesMax = FixedHeader.packetBytesLimit

    init() {}

    init(_ properties: ConnackProperties) {
        receiveMaximum = Int(properties.receiveMaximum)
        maximumQoS = properties.maximumQoS
        if let max = properties.packetBytesMax { packetBytesMax = Int(max) }
    }

    /// What the server would say to such a packet, and end the connection.
    func refusal(ofPublish bytes: Int, qos: QoS) -> Refusal? {
        if bytes > packetBytesMax {
            return Refusal(reason: .packetTooLarge, message: "\(bytes) bytes, the server takes \(packetBytesMax)")
        }
        return qos > maximumQoS ? Refusal(reason: .qosNotSupported) : nil
    }
}
