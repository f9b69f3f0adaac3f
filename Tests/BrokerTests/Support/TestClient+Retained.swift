import MQTT

@testable import Broker

extension TestClient {
    /// Publishes a retained message at QoS 1 and reads the PUBACK.
    func retain(_ topic: String, _ payload: String, properties: [UInt8] = []) throws {
        let id = try publish(topic, payload, retain: true, properties: properties)
        let answer = try receivePuback()
        try checkEqual(answer.packetID, id)
        try checkEqual(answer.reason, .success)
    }

    /// SUBSCRIBE with options, and its SUBACK, whose codes are given.
    func subscribe(_ filter: String, _ options: SubscriptionOptions, identifier: UInt32? = nil) throws {
        var subscribe = Subscribe(packetID: 9)
        subscribe.entries = [Subscribe.Entry(filter: Array(filter.utf8), options: options)]
        subscribe.subscriptionID = identifier
        var bytes: [UInt8] = []
        ClientPacket.encodeSubscribe(into: &bytes, version: version, subscribe)
        try send(bytes)
        guard case .suback(let suback) = try next() else { throw CheckFailure(description: "no SUBACK") }
        try checkEqual(suback.reasons, [.granted(options.qos)])
    }

    /// The next deliveries, acknowledged, as `topic=payload`.
    func receiveTexts(_ count: Int, line: Int = #line) throws -> [String] {
        var texts: [String] = []
        for _ in 0..<count {
            let delivery = try receive(line: line)
            texts.append("\(delivery.topic)=\(delivery.payload)")
            if delivery.packetID != 0 { try acknowledge(delivery.packetID) }
        }
        return texts
    }
}
