/// A PUBLISH (MQTT 5 §3.3) as ranges of the bytes it was read from: decoding copies and allocates nothing.
package struct Publish: Sendable {
    package var topic: Range<Int>
    package var payload: Range<Int>
    /// 0: none, at QoS 0.
    package var packetID: UInt16 = 0
    package var qos: QoS
    package var retain: Bool
    package var dup: Bool
    /// 0: none. With an alias the topic may be empty.
    package var topicAlias: UInt16 = 0
    /// The raw properties without their length; valid by now.
    package var properties: Range<Int> = 0..<0
    package var messageExpirySeconds: UInt32?
    /// Payload format indicator 1: the payload claims to be UTF-8. `hasValidPayload` tells whether it is.
    package var isUTF8Payload = false
    /// Any property besides the topic alias.
    package var hasForwardedProperties = false

    /// The packet whose header is at `offset`; it has arrived whole. From a server, subscription identifiers are
    /// allowed.
    package static func decode(
        _ header: FixedHeader, in bytes: Span<UInt8>, at offset: Int, version: ProtocolVersion
    ) throws(ProtocolError) -> Publish {
        try decode(header, in: bytes, at: offset, version: version, properties: .publishFromClient)
    }

    static func decode(
        _ header: FixedHeader, in bytes: Span<UInt8>, at offset: Int, version: ProtocolVersion,
        properties allowed: PropertySet
    ) throws(ProtocolError) -> Publish {
        precondition(header.type == .publish)
        try header.checkVersion(version)
        guard let qos = QoS(rawValue: header.flags >> 1 & 3) else { throw .malformed("QoS is 3") }
        var cursor = Cursor(header, at: offset, in: bytes)
        let topic = try cursor.topicName(in: bytes)
        var publish = Publish(
            topic: topic, payload: 0..<0, qos: qos, retain: header.flags & 1 != 0, dup: header.flags & 8 != 0)
        if qos != .atMostOnce { publish.packetID = try cursor.packetID(in: bytes) }
        if version == .v5 {
            publish.properties = try cursor.properties(in: bytes)
            if !publish.properties.isEmpty { try publish.readProperties(in: bytes, allowed: allowed) }
        }
        if topic.isEmpty, publish.topicAlias == 0 {
            throw .violation("the topic is empty and there is no alias")  // [MQTT-4.7.3-1], §3.3.2.3.4
        }
        publish.payload = cursor.rest()
        return publish
    }

    private mutating func readProperties(
        in bytes: Span<UInt8>, allowed: PropertySet
    ) throws(ProtocolError) {
        var cursor = PropertyCursor(properties, allowed: allowed, allowsRepeatedSubscriptionIdentifier: true)
        while let property = try cursor.next(in: bytes) {
            switch property.id {
            case .topicAlias:
                topicAlias = UInt16(property.number)
                continue
            case .messageExpiryInterval: messageExpirySeconds = property.number
            case .payloadFormatIndicator: isUTF8Payload = property.number == 1
            default: break
            }
            hasForwardedProperties = true
        }
    }

    /// False: the payload is not the UTF-8 that its format indicator claims; the answer is 0x99 (§3.3.2.3.2).
    package func hasValidPayload(in bytes: Span<UInt8>) -> Bool {
        !isUTF8Payload || UTF8Text.isWellFormed(bytes, payload)
    }

    /// The value of the first user property of that name.
    package func userProperty(named name: String, in bytes: Span<UInt8>) -> Range<Int>? {
        guard hasForwardedProperties else { return nil }
        var cursor = PropertyCursor(properties, allowed: .publishFromServer, allowsRepeatedSubscriptionIdentifier: true)
        while let property = nextValid(&cursor, in: bytes) {
            if property.id == .userProperty, name.utf8.count == property.bytes.count,
                zip(name.utf8, property.bytes).allSatisfy({ $0 == bytes[$1] })
            {
                return property.value
            }
        }
        return nil
    }

    /// Appends what a server passes on unaltered, in the same order [MQTT-3.3.2-17]: the raw properties without topic
    /// alias, message expiry and subscription identifiers, which it writes anew.
    package func appendForwardedProperties(to output: inout [UInt8], in bytes: Span<UInt8>) {
        guard hasForwardedProperties else { return }
        var cursor = PropertyCursor(properties, allowed: .publishFromServer, allowsRepeatedSubscriptionIdentifier: true)
        while let property = nextValid(&cursor, in: bytes) {
            switch property.id {
            case .topicAlias, .messageExpiryInterval, .subscriptionIdentifier: continue
            default: output.append(copying: bytes.extracting(property.whole))
            }
        }
    }

    /// `decode` has accepted these bytes; other bytes under the same ranges are the caller's mistake, and end the walk.
    private func nextValid(_ cursor: inout PropertyCursor, in bytes: Span<UInt8>) -> Property? {
        try? cursor.next(in: bytes)
    }
}
