import MQTT
import Memory
import Transport

// Topic aliases towards clients that take them. A frame is encoded without alias, once for all subscribers; whether the alias is known or
// has to be set shows only when the frame is sent, so that is when its beginning is written anew.
extension Shard {
    /// Sends an encoded PUBLISH, for which there is room, to a session.
    /// - Parameters:
    ///   - packetID: 0 at QoS 0.
    ///   - offset: where it stands in the frame.
    @inline(__always)
    mutating func appendPublish(
        _ frame: [UInt8], packetID: UInt16 = 0, at offset: Int = 0, to session: Int32, slot: Int32,
        takesAliases: Bool, io: inout Connections
    ) {
        counters.publishesSent += 1
        if takesAliases, appendAliased(frame, packetID: packetID, to: session, io: &io) { return }
        counters.publishBytesSent += frame.count
        if packetID == 0 {
            io.append(frame.span, to: slot)
        } else {
            io.append(frame.span, packetID: packetID, at: offset, to: slot)
        }
    }

    /// The same for a session that has to be looked at anyway.
    mutating func appendPublish(
        _ frame: [UInt8], packetID: UInt16 = 0, at offset: Int = 0, to session: Int32, io: inout Connections
    ) {
        appendPublish(
            frame, packetID: packetID, at: offset, to: session, slot: sessions[Int(session)].slot,
            takesAliases: sessions[Int(session)].takesAliases, io: &io)
    }

    /// - Returns: false if no alias can be used, and nothing is sent.
    @inline(never)
    private mutating func appendAliased(
        _ frame: [UInt8], packetID: UInt16, to session: Int32, io: inout Connections
    ) -> Bool {
        let place = Int(session)
        let topic = ServerPacket.topicRange(ofPublish: frame.span)
        guard topic.count <= Limits.aliasedTopicBytesMax,
            frame.count + ServerPacket.aliasBytesMax <= sessions[place].packetBytesMax
        else { return false }
        let (alias, isNew) = sessions[place].sentAliases.alias(for: frame.span.extracting(topic))
        scratch.removeAll(keepingCapacity: true)
        let rest = ServerPacket.encodeAliasedHead(
            into: &scratch, of: frame.span, topic: topic, alias: alias, setsAlias: isNew, packetID: packetID)
        counters.publishBytesSent += scratch.count + frame.count - rest
        io.append(scratch.span, frame.span.extracting(rest..<frame.count), to: sessions[place].slot)
        return true
    }
}
