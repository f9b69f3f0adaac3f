/// Property identifiers (MQTT 5 §2.2.2.2).
package enum PropertyID: UInt8, Sendable, CaseIterable {
    case payloadFormatIndicator = 1
    case messageExpiryInterval = 2
    case contentType = 3
    case responseTopic = 8
    case correlationData = 9
    case subscriptionIdentifier = 11
    case sessionExpiryInterval = 17
    case assignedClientIdentifier = 18
    case serverKeepAlive = 19
    case authenticationMethod = 21
    case authenticationData = 22
    case requestProblemInformation = 23
    case willDelayInterval = 24
    case requestResponseInformation = 25
    case responseInformation = 26
    case serverReference = 28
    case reasonString = 31
    case receiveMaximum = 33
    case topicAliasMaximum = 34
    case topicAlias = 35
    case maximumQoS = 36
    case retainAvailable = 37
    case userProperty = 38
    case maximumPacketSize = 39
    case wildcardSubscriptionAvailable = 40
    case subscriptionIdentifierAvailable = 41
    case sharedSubscriptionAvailable = 42

    enum Form {
        /// A byte that may only be 0 or 1.
        case flag
        case uint16
        case uint32
        case variableInteger
        case string
        case topicName
        case binary
        case stringPair
    }

    var form: Form {
        switch self {
        case .payloadFormatIndicator, .requestProblemInformation, .requestResponseInformation, .maximumQoS,
            .retainAvailable, .wildcardSubscriptionAvailable, .subscriptionIdentifierAvailable,
            .sharedSubscriptionAvailable:
            .flag
        case .serverKeepAlive, .receiveMaximum, .topicAliasMaximum, .topicAlias: .uint16
        case .messageExpiryInterval, .sessionExpiryInterval, .willDelayInterval, .maximumPacketSize: .uint32
        case .subscriptionIdentifier: .variableInteger
        case .contentType, .assignedClientIdentifier, .authenticationMethod, .responseInformation, .serverReference,
            .reasonString:
            .string
        case .responseTopic: .topicName
        case .correlationData, .authenticationData: .binary
        case .userProperty: .stringPair
        }
    }

    /// Those for which zero is a protocol error; a topic alias of zero has an own reason code.
    var isZeroForbidden: Bool {
        self == .receiveMaximum || self == .maximumPacketSize || self == .subscriptionIdentifier
    }
}

/// One property: a number, or where its bytes are.
struct Property {
    var id: PropertyID
    var number: UInt32 = 0
    /// The string, the data, or the name of a pair.
    var bytes: Range<Int> = 0..<0
    /// The value of a pair.
    var value: Range<Int> = 0..<0
    /// The whole property, its identifier included.
    var whole: Range<Int> = 0..<0
}
