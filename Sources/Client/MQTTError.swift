import MQTT

/// Quality of service: at most once, at least once, exactly once.
public typealias QoS = MQTT.QoS
/// MQTT 5's reason codes; from 0x80 on they are failures.
public typealias ReasonCode = MQTT.ReasonCode

/// A server's "no".
public struct Refusal: Sendable, Equatable {
    /// Says why.
    public var reason: ReasonCode
    /// The reason string. Confab's is the problem's name, such as `not-a-member` (docs/codes.md).
    public var message: String?

    /// For tests of programs, mostly.
    public init(reason: ReasonCode, message: String? = nil) {
        self.reason = reason
        self.message = message
    }

    init(_ reason: ReasonCode, _ text: [UInt8]?) {
        self.init(reason: reason, message: text.map { String(decoding: $0, as: UTF8.self) })
    }

    /// Whether the same may be accepted later. A publish is best repeated with the same `clientRef`.
    public var isTemporary: Bool {
        switch reason {
        case .serverUnavailable, .serverBusy, .serverShuttingDown, .messageRateTooHigh, .quotaExceeded,
            .connectionRateExceeded:
            true
        default: false
        }
    }
}

/// Why a call of the client failed, or why the client has ended.
public enum MQTTError: Error, Sendable, Equatable {
    /// An argument or a setting that can't be meant; the text says which.
    case invalid(String)
    /// The server has answered, and refused.
    case refused(Refusal)
    /// There is no connection, and what was asked for does not wait for one (a publish of QoS 0).
    case notConnected
    /// The connection failed, or none came about: name look-up, TCP, TLS, a broken protocol, or no token; the text says which.
    case connectionFailed(String)
    /// The server forgot the session while this QoS 2 publish was under way: nobody knows whether it was taken.
    case sessionLost
    /// `disconnect` was called, or the client was let go of.
    case closed
}

extension MQTTError: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .invalid(let what): "invalid: \(what)"
        case .refused(let refusal): "refused: \(refusal)"
        case .notConnected: "not connected"
        case .connectionFailed(let why): "no connection: \(why)"
        case .sessionLost: "the server has lost the session"
        case .closed: "the client is closed"
        }
    }
}

extension Refusal: CustomStringConvertible {
    /// One line for a log: `0x87 not-a-member`.
    public var description: String {
        "0x" + String(reason.rawValue, radix: 16, uppercase: true) + " " + (message ?? "\(reason)")
    }
}
