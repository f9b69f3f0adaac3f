/// What the server publishes for a client that is gone (MQTT 5 §3.1.2.5).
package struct Will: Equatable, Sendable {
    package var topic: [UInt8]
    package var payload: [UInt8]
    package var qos: QoS
    package var retain: Bool
    package var delaySeconds: UInt32 = 0
    package var messageExpirySeconds: UInt32?
    package var isUTF8Payload = false
    /// The raw properties that a PUBLISH of the will forwards: all but delay and expiry.
    package var forwardedProperties: [UInt8] = []

    package init(topic: [UInt8], payload: [UInt8], qos: QoS, retain: Bool) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
    }

    mutating func readProperties(_ range: Range<Int>, in bytes: Span<UInt8>) throws(ProtocolError) {
        var cursor = PropertyCursor(range, allowed: .will)
        while let property = try cursor.next(in: bytes) {
            switch property.id {
            case .willDelayInterval:
                delaySeconds = property.number
                continue
            case .messageExpiryInterval:
                messageExpirySeconds = property.number
                continue
            case .payloadFormatIndicator: isUTF8Payload = property.number == 1
            default: break
            }
            forwardedProperties.append(copying: bytes.extracting(property.whole))
        }
    }
}
