/// A PUBLISH that was encoded for many clients is made one with a topic alias (MQTT 5 §3.3.2.3.4): only its beginning
/// differs, so only that is written anew.
extension ServerPacket {
    /// What such a packet can have more than the one that it was made of: the property, and one byte in each of two
    /// lengths.
    package static let aliasBytesMax = 5

    /// Where the topic stands in an encoded PUBLISH.
    package static func topicRange(ofPublish frame: Span<UInt8>) -> Range<Int> {
        precondition(frame[0] >> 4 == PacketType.publish.rawValue)
        var position = 1
        _ = variableInteger(frame, &position)
        let count = Int(frame[position]) << 8 | Int(frame[position + 1])
        return position + 2..<position + 2 + count
    }

    /// Writes the beginning of a PUBLISH that carries an alias; what follows in `frame`, an encoded PUBLISH of MQTT 5
    /// without an alias, follows here too.
    /// - Parameters:
    ///   - topic: where it stands in `frame`.
    ///   - setsAlias: the topic is said too; without it, the alias stands for it.
    ///   - packetID: not written at QoS 0.
    /// - Returns: where in `frame` the rest begins.
    package static func encodeAliasedHead(
        into head: inout [UInt8], of frame: Span<UInt8>, topic: Range<Int>, alias: UInt16, setsAlias: Bool,
        packetID: UInt16
    ) -> Int {
        precondition(alias != 0)
        let hasPacketID = frame[0] & 6 != 0
        var rest = topic.upperBound + (hasPacketID ? 2 : 0)
        let propertiesCount = variableInteger(frame, &rest) + 3
        let topicCount = setsAlias ? topic.count : 0
        // Up to and with the alias; the other properties and the payload are the rest.
        let count = 2 + topicCount + (hasPacketID ? 2 : 0) + VariableInteger.length(propertiesCount) + 3
        head.append(frame[0])
        head.append(variableInteger: count + frame.count - rest)
        head.append(uint16: UInt16(topicCount))
        if setsAlias { head.append(copying: frame.extracting(topic)) }
        if hasPacketID { head.append(uint16: packetID) }
        head.append(variableInteger: propertiesCount)
        head.appendProperty(.topicAlias, number: UInt32(alias))
        return rest
    }

    /// Of what we have encoded ourselves.
    private static func variableInteger(_ frame: Span<UInt8>, _ position: inout Int) -> Int {
        var value = 0
        var shift = 0
        while true {
            let byte = frame[position]
            position += 1
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }
}
