import Memory

/// The packed forms of what a session has in flight: `mqtt_sessions.outbound`, `.inbound` and `.packets`.
///
/// Outbound: the next ordinal, then for each delivery the distance from the ordinal before (the first: from 0), its progress and QoS in
/// three bits, topic and seq. Inbound: for each exchange its packet identifier and whether it is published, entry id. Packets: for each the
/// distance from the ordinal before, its length and version in one number, and its bytes. All numbers are packed integers.
package enum SessionStateCodec {
    package static func encodeOutbound(_ state: SessionState) -> [UInt8] {
        if state.deliveries.isEmpty, state.nextOrdinal == 0 { return [] }
        var bytes: [UInt8] = []
        bytes.append(packed: state.nextOrdinal)
        var last: Int64 = 0
        for delivery in state.deliveries {
            bytes.append(packed: delivery.ordinal - last)
            bytes.append(packed: Int64(delivery.progress.rawValue) << 1 | (delivery.isExactlyOnce ? 1 : 0))
            bytes.append(packed: delivery.topicID)
            bytes.append(packed: delivery.seq)
            last = delivery.ordinal
        }
        return bytes
    }

    package static func encodeInbound(_ state: SessionState) -> [UInt8] {
        var bytes: [UInt8] = []
        for exchange in state.exchanges {
            bytes.append(packed: Int64(exchange.packetID) << 1 | (exchange.isPublished ? 1 : 0))
            bytes.append(packed: exchange.entryID)
        }
        return bytes
    }

    package static func encodePackets(_ state: SessionState) -> [UInt8] {
        var bytes: [UInt8] = []
        var last: Int64 = 0
        for packet in state.packets {
            bytes.append(packed: packet.ordinal - last)
            bytes.append(packed: Int64(packet.bytes.count) << 1 | (packet.isVersion5 ? 1 : 0))
            bytes.append(contentsOf: packet.bytes)
            last = packet.ordinal
        }
        return bytes
    }

    /// Nil if the bytes are none of ours.
    package static func decode(
        cursors: [UInt8], outbound: [UInt8], inbound: [UInt8], packets: [UInt8]
    ) -> SessionState? {
        guard let cursors = CursorCodec.decode(cursors) else { return nil }
        var state = SessionState(cursors: cursors)
        guard decodeOutbound(outbound, into: &state), decodeInbound(inbound, into: &state),
            decodePackets(packets, into: &state)
        else { return nil }
        return state
    }

    private static func decodePackets(_ bytes: [UInt8], into state: inout SessionState) -> Bool {
        var reader = PackedReader(bytes)
        var last: Int64 = 0
        while !reader.isAtEnd {
            guard let distance = reader.next(), distance > 0 || state.packets.isEmpty, let first = reader.next(),
                let packet = reader.next(bytes: first >> 1)
            else { return false }
            let (ordinal, overflows) = last.addingReportingOverflow(distance)
            guard !overflows else { return false }
            last = ordinal
            state.packets.append(SessionState.Packet(ordinal: ordinal, isVersion5: first & 1 != 0, bytes: packet))
        }
        return true
    }

    private static func decodeOutbound(_ bytes: [UInt8], into state: inout SessionState) -> Bool {
        if bytes.isEmpty { return true }
        var reader = PackedReader(bytes)
        guard let next = reader.next() else { return false }
        state.nextOrdinal = next
        var last: Int64 = 0
        while !reader.isAtEnd {
            guard let distance = reader.next(), let flags = reader.next(), flags < 6,
                let progress = SessionState.Delivery.Progress(rawValue: UInt8(flags >> 1)),
                let topic = reader.next(), let seq = reader.next()
            else { return false }
            let (ordinal, overflows) = last.addingReportingOverflow(distance)
            guard !overflows, ordinal < next, distance > 0 || state.deliveries.isEmpty else { return false }
            last = ordinal
            state.deliveries.append(
                SessionState.Delivery(
                    ordinal: ordinal, topicID: topic, seq: seq, isExactlyOnce: flags & 1 != 0, progress: progress))
        }
        return true
    }

    private static func decodeInbound(_ bytes: [UInt8], into state: inout SessionState) -> Bool {
        var reader = PackedReader(bytes)
        while !reader.isAtEnd {
            guard let first = reader.next(), 1...65_535 ~= first >> 1, let entryID = reader.next() else { return false }
            state.exchanges.append(
                SessionState.Exchange(packetID: UInt16(first >> 1), entryID: entryID, isPublished: first & 1 != 0))
        }
        return true
    }
}
