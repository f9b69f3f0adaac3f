/// The properties of an outgoing PUBLISH (MQTT 5 §3.3.2.3).
package struct DeliveryProperties: Equatable, Sendable {
    /// What is left of the expiry [MQTT-3.3.2-6].
    package var messageExpirySeconds: UInt32?
    /// Those of all subscriptions that matched [MQTT-3.3.4-4].
    package var subscriptionIDs: [UInt32] = []
    /// 0: none.
    package var topicAlias: UInt16 = 0
    /// Raw bytes from `Publish.appendForwardedProperties`, a will, or `appendProperty`.
    package var forwarded: [UInt8] = []

    package init(forwarded: [UInt8] = []) {
        self.forwarded = forwarded
    }

    package static let none = DeliveryProperties()

    var encodedCount: Int {
        var count = forwarded.count
        if messageExpirySeconds != nil { count += 5 }
        if topicAlias != 0 { count += 3 }
        for id in subscriptionIDs { count += 1 + VariableInteger.length(Int(id)) }
        return count
    }

    func append(to output: inout [UInt8]) {
        if let messageExpirySeconds { output.appendProperty(.messageExpiryInterval, number: messageExpirySeconds) }
        if topicAlias != 0 { output.appendProperty(.topicAlias, number: UInt32(topicAlias)) }
        for id in subscriptionIDs { output.appendProperty(.subscriptionIdentifier, number: id) }
        if !forwarded.isEmpty { output.append(contentsOf: forwarded) }
    }
}

extension ServerPacket {
    /// PUBLISH (§3.3). Returns where the packet identifier stands, counted from the packet's first byte, 0 at QoS 0: a
    /// fan-out encodes once and patches the identifier of each copy.
    @discardableResult
    package static func encodePublish(
        into output: inout [UInt8], version: ProtocolVersion, topic: Span<UInt8>, payload: Span<UInt8>, qos: QoS,
        retain: Bool, dup: Bool = false, packetID: UInt16 = 0, properties: borrowing DeliveryProperties = .none
    ) -> Int {
        precondition(topic.count <= 65_535 && (qos != .atMostOnce || !dup))
        let propertiesCount = version == .v5 ? properties.encodedCount : 0
        var remainingLength = 2 + topic.count + payload.count
        if qos != .atMostOnce { remainingLength += 2 }
        if version == .v5 { remainingLength += VariableInteger.length(propertiesCount) + propertiesCount }

        let start = output.count
        output.append(PacketType.publish.rawValue << 4 | (dup ? 8 : 0) | qos.rawValue << 1 | (retain ? 1 : 0))
        output.append(variableInteger: remainingLength)
        output.append(uint16: UInt16(topic.count))
        output.append(copying: topic)
        let packetIDOffset = qos == .atMostOnce ? 0 : output.count - start
        if qos != .atMostOnce { output.append(uint16: packetID) }
        if version == .v5 {
            output.append(variableInteger: propertiesCount)
            if propertiesCount > 0 { properties.append(to: &output) }
        }
        output.append(copying: payload)
        return packetIDOffset
    }

    /// The same for a caller that has arrays.
    @discardableResult
    package static func encodePublish(
        into output: inout [UInt8], version: ProtocolVersion, topic: [UInt8], payload: [UInt8], qos: QoS,
        retain: Bool, dup: Bool = false, packetID: UInt16 = 0, properties: borrowing DeliveryProperties = .none
    ) -> Int {
        encodePublish(
            into: &output, version: version, topic: topic.span, payload: payload.span, qos: qos, retain: retain,
            dup: dup, packetID: packetID, properties: properties)
    }

    /// Bytes that such a PUBLISH takes: to be compared with the client's maximum before anything is written
    /// [MQTT-3.1.2-24].
    package static func publishCount(
        version: ProtocolVersion, topicCount: Int, payloadCount: Int, qos: QoS,
        properties: borrowing DeliveryProperties = .none
    ) -> Int {
        let propertiesCount = version == .v5 ? properties.encodedCount : 0
        var remainingLength = 2 + topicCount + payloadCount
        if qos != .atMostOnce { remainingLength += 2 }
        if version == .v5 { remainingLength += VariableInteger.length(propertiesCount) + propertiesCount }
        return 1 + VariableInteger.length(remainingLength) + remainingLength
    }

    /// An encoded PUBLISH as it is sent again: with DUP, under its first identifier [MQTT-3.3.1-1].
    package static func repeated(_ frame: [UInt8], packetID: UInt16, at offset: Int) -> [UInt8] {
        var frame = frame
        frame[0] |= 8
        patchPacketID(packetID, in: &frame, at: offset)
        return frame
    }

    /// Writes the packet identifier of an encoded PUBLISH; `offset` counts from the beginning of `output`.
    @inline(__always)
    package static func patchPacketID(_ packetID: UInt16, in output: inout [UInt8], at offset: Int) {
        output[offset] = UInt8(truncatingIfNeeded: packetID >> 8)
        output[offset + 1] = UInt8(truncatingIfNeeded: packetID)
    }

    /// Writes what is left of the expiry into an encoded PUBLISH of MQTT 5 and QoS 1 or 2 that has one; it is the first
    /// property. `offset` is where the packet identifier stands.
    package static func patchMessageExpiry(_ seconds: UInt32, in frame: inout [UInt8], packetIDAt offset: Int) {
        var position = offset + 2
        while frame[position] & 0x80 != 0 { position += 1 }
        position += 1
        precondition(frame[position] == PropertyID.messageExpiryInterval.rawValue, "the message has an expiry")
        for byte in 1...4 { frame[position + byte] = UInt8(truncatingIfNeeded: seconds >> UInt32(32 - 8 * byte)) }
    }
}
