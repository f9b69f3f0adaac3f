/// Which properties a packet may carry (MQTT 5, table 2-4), as a set of identifiers.
struct PropertySet {
    private var bits: UInt64 = 0

    init(_ ids: PropertyID...) {
        for id in ids { insert(id) }
    }

    @inline(__always)
    func contains(_ id: PropertyID) -> Bool { bits & 1 << UInt64(id.rawValue) != 0 }
    @inline(__always)
    mutating func insert(_ id: PropertyID) { bits |= 1 << UInt64(id.rawValue) }

    static let publishFromClient = PropertySet(
        .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic, .correlationData, .topicAlias,
        .userProperty)
    static let publishFromServer = PropertySet(
        .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic, .correlationData, .topicAlias,
        .userProperty, .subscriptionIdentifier)
    static let will = PropertySet(
        .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic, .correlationData,
        .willDelayInterval, .userProperty)
    static let connect = PropertySet(
        .sessionExpiryInterval, .receiveMaximum, .maximumPacketSize, .topicAliasMaximum, .requestResponseInformation,
        .requestProblemInformation, .userProperty, .authenticationMethod, .authenticationData)
    static let connack = PropertySet(
        .sessionExpiryInterval, .receiveMaximum, .maximumQoS, .retainAvailable, .maximumPacketSize,
        .assignedClientIdentifier, .topicAliasMaximum, .reasonString, .userProperty, .wildcardSubscriptionAvailable,
        .subscriptionIdentifierAvailable, .sharedSubscriptionAvailable, .serverKeepAlive, .responseInformation,
        .serverReference, .authenticationMethod, .authenticationData)
    static let subscribe = PropertySet(.subscriptionIdentifier, .userProperty)
    static let unsubscribe = PropertySet(.userProperty)
    static let acknowledgement = PropertySet(.reasonString, .userProperty)
    static let disconnectFromClient = PropertySet(.sessionExpiryInterval, .reasonString, .userProperty)
    static let disconnectFromServer = PropertySet(.serverReference, .reasonString, .userProperty)
    static let auth = PropertySet(.authenticationMethod, .authenticationData, .reasonString, .userProperty)
}

/// Walks the properties of a packet in one pass, in linear time, and refuses what §2.2.2 refuses: unknown identifiers,
/// those of other packets, repetitions, values out of range.
struct PropertyCursor {
    private var cursor: Cursor
    private let allowed: PropertySet
    private var seen = PropertySet()
    private let isRepeatedSubscriptionIdentifierAllowed: Bool

    init(_ range: Range<Int>, allowed: PropertySet, allowsRepeatedSubscriptionIdentifier: Bool = false) {
        cursor = Cursor(range)
        self.allowed = allowed
        isRepeatedSubscriptionIdentifierAllowed = allowsRepeatedSubscriptionIdentifier
    }

    mutating func next(in bytes: Span<UInt8>) throws(ProtocolError) -> Property? {
        if cursor.isAtEnd { return nil }
        let start = cursor.position
        let rawID = try cursor.variableInteger(in: bytes)
        guard rawID < 64, let id = PropertyID(rawValue: UInt8(rawID)) else { throw .malformed("an unknown property") }
        guard allowed.contains(id) else { throw .malformed("a property that this packet can't have") }
        if seen.contains(id), !isRepeatable(id) { throw .violation("a property comes twice") }
        seen.insert(id)

        var property = Property(id: id)
        switch id.form {
        case .flag:
            property.number = UInt32(try cursor.byte(in: bytes))
            if property.number > 1 { throw .violation("a property is neither 0 nor 1") }
        case .uint16: property.number = UInt32(try cursor.uint16(in: bytes))
        case .uint32: property.number = try cursor.uint32(in: bytes)
        case .variableInteger: property.number = UInt32(try cursor.variableInteger(in: bytes))
        case .string: property.bytes = try cursor.string(in: bytes)
        case .topicName:
            property.bytes = try cursor.topicName(in: bytes)
            if property.bytes.isEmpty { throw .violation("a topic name is empty") }  // [MQTT-4.7.3-1]
        case .binary: property.bytes = try cursor.binary(in: bytes)
        case .stringPair:
            property.bytes = try cursor.string(in: bytes)
            property.value = try cursor.string(in: bytes)
        }
        if property.number == 0 {
            if id.isZeroForbidden { throw .violation("a property is 0 that must not be") }
            if id == .topicAlias { throw ProtocolError(.topicAliasInvalid, "the topic alias is 0") }
        }
        property.whole = start..<cursor.position
        return property
    }

    private func isRepeatable(_ id: PropertyID) -> Bool {
        id == .userProperty || id == .subscriptionIdentifier && isRepeatedSubscriptionIdentifierAllowed
    }
}
