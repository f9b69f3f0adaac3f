/// Reason codes (MQTT 5 §2.4). From 0x80 on they are failures.
public enum ReasonCode: UInt8, Sendable, CaseIterable {
    case success = 0x00
    case grantedQoS1 = 0x01
    case grantedQoS2 = 0x02
    case disconnectWithWillMessage = 0x04
    case noMatchingSubscribers = 0x10
    case noSubscriptionExisted = 0x11
    case continueAuthentication = 0x18
    case reauthenticate = 0x19
    case unspecifiedError = 0x80
    case malformedPacket = 0x81
    case protocolError = 0x82
    case implementationSpecificError = 0x83
    case unsupportedProtocolVersion = 0x84
    case clientIdentifierNotValid = 0x85
    case badUserNameOrPassword = 0x86
    case notAuthorized = 0x87
    case serverUnavailable = 0x88
    case serverBusy = 0x89
    case banned = 0x8A
    case serverShuttingDown = 0x8B
    case badAuthenticationMethod = 0x8C
    case keepAliveTimeout = 0x8D
    case sessionTakenOver = 0x8E
    case topicFilterInvalid = 0x8F
    case topicNameInvalid = 0x90
    case packetIdentifierInUse = 0x91
    case packetIdentifierNotFound = 0x92
    case receiveMaximumExceeded = 0x93
    case topicAliasInvalid = 0x94
    case packetTooLarge = 0x95
    case messageRateTooHigh = 0x96
    case quotaExceeded = 0x97
    case administrativeAction = 0x98
    case payloadFormatInvalid = 0x99
    case retainNotSupported = 0x9A
    case qosNotSupported = 0x9B
    case useAnotherServer = 0x9C
    case serverMoved = 0x9D
    case sharedSubscriptionsNotSupported = 0x9E
    case connectionRateExceeded = 0x9F
    case maximumConnectTime = 0xA0
    case subscriptionIdentifiersNotSupported = 0xA1
    case wildcardSubscriptionsNotSupported = 0xA2

    /// 0x00 as DISCONNECT calls it.
    package static let normalDisconnection = ReasonCode.success
    /// 0x00 as SUBACK calls it.
    package static let grantedQoS0 = ReasonCode.success

    /// Whether it means "no": from 0x80 on.
    public var isError: Bool { rawValue >= 0x80 }

    /// What SUBACK says when a subscription is granted (§3.9.3).
    package static func granted(_ qos: QoS) -> ReasonCode {
        switch qos {
        case .atMostOnce: .success
        case .atLeastOnce: .grantedQoS1
        case .exactlyOnce: .grantedQoS2
        }
    }

    /// The CONNACK return code of 3.1 and 3.1.1 (3.1.1 §3.2.2.3); nil: no code fits, close without a CONNACK
    /// [MQTT-3.2.2-6].
    package var connectReturnCode: UInt8? {
        switch self {
        case .success: 0
        case .unsupportedProtocolVersion: 1
        case .clientIdentifierNotValid: 2
        case .badUserNameOrPassword: 4
        case .notAuthorized, .banned, .badAuthenticationMethod, .topicNameInvalid, .payloadFormatInvalid: 5
        case .unspecifiedError, .implementationSpecificError, .serverUnavailable, .serverBusy, .serverShuttingDown,
            .connectionRateExceeded, .quotaExceeded, .messageRateTooHigh, .useAnotherServer, .serverMoved,
            .administrativeAction, .maximumConnectTime:
            3
        case .malformedPacket, .protocolError, .packetTooLarge, .keepAliveTimeout,
            .sessionTakenOver, .topicFilterInvalid, .packetIdentifierInUse, .packetIdentifierNotFound,
            .receiveMaximumExceeded, .topicAliasInvalid, .retainNotSupported, .qosNotSupported,
            .sharedSubscriptionsNotSupported, .subscriptionIdentifiersNotSupported,
            .wildcardSubscriptionsNotSupported, .grantedQoS1, .grantedQoS2, .disconnectWithWillMessage,
            .noMatchingSubscribers, .noSubscriptionExisted, .continueAuthentication, .reauthenticate:
            nil
        }
    }
}
