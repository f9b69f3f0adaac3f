import MQTT

/// Deliveries of QoS 1 and 2 that can't be read again from a log: retained messages, shared ones, and what was in flight when its filter was
/// unsubscribed [MQTT-3.10.4-3]. A persistent session keeps their packets until they are complete. Empty for nearly all sessions.
struct KeptFrames {
    struct Frame {
        /// An encoded PUBLISH with its packet identifier.
        var bytes: [UInt8]
        var isVersion5: Bool
    }

    private(set) var byOrdinal: [Int64: Frame] = [:]
    private(set) var bytesCount = 0

    var isEmpty: Bool { byOrdinal.isEmpty }
    /// Beyond that nothing more is sent that would have to be kept.
    var isFull: Bool { bytesCount > Limits.keptBytesMax }

    mutating func keep(_ frame: Frame, ordinal: Int64) {
        precondition(byOrdinal[ordinal] == nil, "an ordinal is one delivery")
        byOrdinal[ordinal] = frame
        bytesCount += frame.bytes.count
    }

    mutating func remove(_ ordinal: Int64) {
        guard let frame = byOrdinal.removeValue(forKey: ordinal) else { return }
        bytesCount -= frame.bytes.count
    }
}

extension KeptFrames.Frame {
    /// The same message with DUP, as a connection of this version takes it; from one version to the other it loses its properties.
    func repeated(isVersion5 target: Bool) -> [UInt8] {
        var packet = bytes
        if target != isVersion5 { packet = converted(to: target) }
        packet[0] |= 8
        return packet
    }

    private func converted(to target: Bool) -> [UInt8] {
        let version: ProtocolVersion = isVersion5 ? .v5 : .v3_1_1
        guard let header = try? FixedHeader.read(bytes.span, at: 0, packetBytesMax: bytes.count),
            case .publish(let publish)? = try? ServerPacket.decode(header, in: bytes.span, at: 0, version: version)
        else { preconditionFailure("it was encoded here") }
        var packet: [UInt8] = []
        ServerPacket.encodePublish(
            into: &packet, version: target ? .v5 : .v3_1_1, topic: bytes.span.extracting(publish.topic),
            payload: bytes.span.extracting(publish.payload), qos: publish.qos, retain: publish.retain,
            packetID: publish.packetID)
        return packet
    }
}
