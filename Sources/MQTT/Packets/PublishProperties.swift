/// The properties of a PUBLISH or a will (MQTT 5 §3.3.2.3), copied out; decoded only where somebody wants them.
package struct PublishProperties: Equatable, Sendable {
    package var isUTF8Payload = false
    package var messageExpirySeconds: UInt32?
    package var topicAlias: UInt16 = 0
    package var responseTopic: [UInt8]?
    package var correlationData: [UInt8]?
    package var contentType: [UInt8]?
    /// In the order in which they came, which is to be kept [MQTT-3.3.2-18].
    package var userProperties: [UserProperty] = []
    package var subscriptionIDs: [UInt32] = []

    package init() {}

    /// `range` is the `properties` of a `Publish`, or of the bytes that `appendForwardedProperties` made.
    package static func decode(
        _ range: Range<Int>, in bytes: Span<UInt8>
    ) throws(ProtocolError) -> PublishProperties {
        var result = PublishProperties()
        var cursor = PropertyCursor(range, allowed: .publishFromServer, allowsRepeatedSubscriptionIdentifier: true)
        while let property = try cursor.next(in: bytes) {
            switch property.id {
            case .payloadFormatIndicator: result.isUTF8Payload = property.number == 1
            case .messageExpiryInterval: result.messageExpirySeconds = property.number
            case .topicAlias: result.topicAlias = UInt16(property.number)
            case .responseTopic: result.responseTopic = [UInt8](copying: bytes, property.bytes)
            case .correlationData: result.correlationData = [UInt8](copying: bytes, property.bytes)
            case .contentType: result.contentType = [UInt8](copying: bytes, property.bytes)
            case .subscriptionIdentifier: result.subscriptionIDs.append(property.number)
            case .userProperty: result.userProperties.append(UserProperty(property, in: bytes))
            default: break
            }
        }
        return result
    }
}

extension PublishProperties {
    /// Takes the message expiry out of raw properties that `appendForwardedProperties` or a will made: it is written anew with what is left.
    package static func removeExpiry(from properties: inout [UInt8]) {
        var cursor = PropertyCursor(
            0..<properties.count, allowed: .publishFromServer, allowsRepeatedSubscriptionIdentifier: true)
        while let property = try? cursor.next(in: properties.span) {
            guard property.id == .messageExpiryInterval else { continue }
            properties.removeSubrange(property.whole)
            return
        }
    }
}

extension UserProperty {
    init(_ property: Property, in bytes: Span<UInt8>) {
        self.init(
            name: [UInt8](copying: bytes, property.bytes), value: [UInt8](copying: bytes, property.value))
    }
}
