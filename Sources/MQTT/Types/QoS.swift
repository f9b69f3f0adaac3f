/// Quality of service (MQTT 5 §4.3).
public enum QoS: UInt8, Comparable, Sendable {
    case atMostOnce = 0
    case atLeastOnce = 1
    case exactlyOnce = 2

    /// By how much they promise.
    public static func < (left: QoS, right: QoS) -> Bool { left.rawValue < right.rawValue }

    /// Of what is published and what is subscribed to, the QoS of the delivery [MQTT-3.8.4-8].
    @inlinable
    package static func lower(_ one: QoS, _ other: QoS) -> QoS { one.rawValue < other.rawValue ? one : other }

    /// QoS 1 or 2. By pattern, since `==` of an enum from another module is a call through the protocol, and a delivery asks often.
    @inlinable
    package var isAcknowledged: Bool {
        switch self {
        case .atMostOnce: false
        case .atLeastOnce, .exactlyOnce: true
        }
    }
}
