import MQTT

@testable import Broker

/// Numbers as work for shared subscriptions.
extension TestClient {
    /// Publishes the numbers, and returns when all are acknowledged.
    func publish(_ numbers: Range<Int>, _ topic: String = "work/x", qos: QoS) throws {
        for number in numbers { try publish(topic, "\(number)", qos: qos) }
        for _ in numbers where qos != .atMostOnce {
            switch try next() {
            case .puback(let answer), .pubrec(let answer): try checkEqual(answer.reason, .success)
            case let packet: throw CheckFailure(description: "\(packet)")
            }
        }
    }

    /// The next so many messages, acknowledged as their QoS wants it.
    func take(_ count: Int, line: Int = #line) throws -> [Int] {
        var deliveries: [Delivery] = []
        for _ in 0..<count { deliveries.append(try receive(line: line)) }
        for delivery in deliveries { try complete(delivery, line: line) }
        return deliveries.map { Int($0.payload) ?? -1 }
    }

    func complete(_ delivery: Delivery, line: Int = #line) throws {
        switch delivery.qos {
        case .atMostOnce: break
        case .atLeastOnce: try acknowledge(delivery.packetID)
        case .exactlyOnce:
            try answer(.pubrec, delivery.packetID)
            guard case .pubrel(let pubrel) = try next() else {
                throw CheckFailure(description: "line \(line): no PUBREL")
            }
            try answer(.pubcomp, pubrel.packetID)
        }
    }

    func answer(_ type: PacketType, _ packetID: UInt16, _ reason: ReasonCode = .success) throws {
        var bytes: [UInt8] = []
        ServerPacket.encodeAcknowledgement(type, into: &bytes, version: version, packetID: packetID, reason: reason)
        try send(bytes)
    }
}
