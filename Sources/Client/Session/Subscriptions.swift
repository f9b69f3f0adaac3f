import MQTT
import Memory

/// What the client is subscribed to, and its requests to change that. A request that a lost connection left without an answer is sent again.
struct Subscriptions {
    struct Request {
        enum Change {
            case subscribe(filter: String, options: SubscriptionOptions, after: [String: Int64])
            case unsubscribe(filter: String)
        }

        /// nil: the client's own, after the session was lost.
        let id: RequestID?
        let change: Change
    }

    enum Outcome {
        case subscribed(SubscribeAcknowledgement)
        case unsubscribed
        case failed(MQTTError)
    }

    private var granted: [String: SubscriptionOptions] = [:]
    private var waiting = Queue<Request>()
    private var inFlight: [(packetID: UInt16, request: Request)] = []

    mutating func append(_ request: Request) { waiting.append(request) }

    /// Nobody wants the answer; what was not sent is not sent.
    mutating func cancel(_ id: RequestID) {
        waiting.removeAll { $0.id == id }
    }

    /// - Returns: requests that are too large for this server.
    mutating func send(into output: inout [UInt8], ids: inout PacketIDs, limits: ServerLimits) -> [Request] {
        var failed: [Request] = []
        while !waiting.isEmpty, let id = ids.take() {
            guard let request = waiting.removeFirst() else { preconditionFailure("it is not empty") }
            let frame = Self.encode(request.change, id)
            if frame.count > limits.packetBytesMax {
                ids.free(id)
                failed.append(request)
                continue
            }
            output += frame
            inFlight.append((id, request))
        }
        return failed
    }

    private static func encode(_ change: Request.Change, _ id: UInt16) -> [UInt8] {
        var frame: [UInt8] = []
        switch change {
        case .subscribe(let filter, let options, let after):
            var subscribe = Subscribe(packetID: id)
            subscribe.entries = [Subscribe.Entry(filter: Array(filter.utf8), options: options)]
            subscribe.userProperties = after.sorted { $0.key < $1.key }.map {
                MQTT.UserProperty("after", "\($0.key)=\($0.value)")
            }
            ClientPacket.encodeSubscribe(into: &frame, version: .v5, subscribe)
        case .unsubscribe(let filter):
            var unsubscribe = Unsubscribe(packetID: id)
            unsubscribe.filters = [Array(filter.utf8)]
            ClientPacket.encodeUnsubscribe(into: &frame, version: .v5, unsubscribe)
        }
        return frame
    }

    /// SUBACK or UNSUBACK; nil: the answer to nothing that we asked.
    mutating func answered(_ suback: Suback, ids: inout PacketIDs) -> (request: Request, outcome: Outcome)? {
        guard let index = inFlight.firstIndex(where: { $0.packetID == suback.packetID }),
            let reason = suback.reasons.first
        else { return nil }
        let request = inFlight.remove(at: index).request
        ids.free(suback.packetID)
        if reason.isError {
            let refusal = Refusal(reason, suback.properties.reasonString)
            return (request, .failed(.refused(refusal)))
        }
        switch request.change {
        case .subscribe(let filter, let options, _):
            granted[filter] = options
            let qos = QoS(rawValue: reason.rawValue) ?? options.qos
            return (
                request,
                .subscribed(
                    SubscribeAcknowledgement(
                        qos: qos, userProperties: suback.properties.userProperties.map { UserProperty($0) }))
            )
        case .unsubscribe(let filter):
            granted[filter] = nil
            return (request, .unsubscribed)
        }
    }

    /// What has no answer is asked again first.
    mutating func connectionLost(ids: inout PacketIDs) {
        for entry in inFlight { ids.free(entry.packetID) }
        waiting.prepend(inFlight.map(\.request))
        inFlight = []
    }

    /// The server has lost the session: asks for everything again, before what waits.
    mutating func sessionLost() {
        waiting.prepend(
            granted.sorted { $0.key < $1.key }.map { filter, options in
                Request(id: nil, change: .subscribe(filter: filter, options: options, after: [:]))
            })
        granted = [:]
    }
}
