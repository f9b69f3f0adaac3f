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
        let deliveries = try receive(count, line: line)
        try complete(deliveries, line: line)
        return deliveries.map { Int($0.payload) ?? -1 }
    }

    /// The next so many messages.
    func receive(_ count: Int, line: Int = #line) throws -> [Delivery] {
        var deliveries: [Delivery] = []
        for _ in 0..<count { deliveries.append(try receive(line: line)) }
        return deliveries
    }

    /// Step by step for all: nothing new may come in between.
    func complete(_ deliveries: [Delivery], line: Int = #line) throws {
        for delivery in deliveries where delivery.qos == .exactlyOnce { try answer(.pubrec, delivery.packetID) }
        for delivery in deliveries where delivery.qos == .exactlyOnce {
            guard case .pubrel(let pubrel) = try next(line: line), pubrel.packetID == delivery.packetID else {
                throw CheckFailure(description: "line \(line): no PUBREL")
            }
        }
        for delivery in deliveries where delivery.qos != .atMostOnce {
            try answer(delivery.qos == .exactlyOnce ? .pubcomp : .puback, delivery.packetID)
        }
    }

    func answer(_ type: PacketType, _ packetID: UInt16, _ reason: ReasonCode = .success) throws {
        var bytes: [UInt8] = []
        ServerPacket.encodeAcknowledgement(type, into: &bytes, version: version, packetID: packetID, reason: reason)
        try send(bytes)
    }
}
