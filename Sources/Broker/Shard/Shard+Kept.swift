import MQTT
import Persistence
import Topics
import Transport

// Deliveries that a persistent session keeps as packets, since no log has them.
extension Shard {
    /// Keeps a delivery that has just been given its place; nothing for a session that ends with its connection.
    mutating func keepFrame(_ frame: [UInt8], of session: Int32) {
        let place = Int(session)
        guard sessions[place].isPersistent else { return }
        let kept = KeptFrames.Frame(bytes: frame, isVersion5: sessions[place].version == .v5)
        sessions[place].kept.keep(kept, ordinal: sessions[place].inFlight.nextOrdinal - 1)
        noteCursorChange(session)
    }

    /// Sends again what an earlier connection had in flight of these, in order, as far as the client takes it.
    mutating func repeatKept(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        while let ordinal = sessions[place].inFlight.firstRestored(cursor: -1) {
            guard !io.isCongested(sessions[place].slot),
                sessions[place].inFlight.outstanding < sessions[place].receiveMaximum
            else { return }
            guard let frame = sessions[place].kept.byOrdinal[ordinal], mayStillReceive(frame.bytes, session) else {
                sessions[place].inFlight.forget(ordinal)
                continue
            }
            let packet = frame.repeated(isVersion5: sessions[place].version == .v5)
            guard packet.count <= sessions[place].packetBytesMax else {
                sessions[place].inFlight.forget(ordinal)
                continue
            }
            sessions[place].inFlight.resend(ordinal)
            appendPublish(
                packet, packetID: InFlight.packetID(ordinal),
                at: ServerPacket.topicRange(ofPublish: packet.span).upperBound, to: session, io: &io)
        }
        advanceCursors(of: session)
    }

    /// Whether an encoded PUBLISH that has waited may be sent.
    func mayStillReceive(_ frame: [UInt8], _ session: Int32) -> Bool {
        let topic = frame.span.extracting(ServerPacket.topicRange(ofPublish: frame.span))
        let user = sessions[Int(session)].user
        switch classify(topic) {
        case .plain: return sessions[Int(session)].rules.mayReceive(topic)
        case .stored(let address): return user >= 0 && readableTopic(address, user) != nil
        case .typing, .read, .presence, .system, .reserved: return false
        }
    }

    // MARK: UNSUBSCRIBE

    /// Entries whose cursor goes with an UNSUBSCRIBE, or with the connection after a SUBSCRIBE with QoS 0, while they are in flight.
    struct Orphans {
        var topic: StoredTopic
        var items: [(ordinal: Int64, seq: Int64)]
    }

    /// Those of the cursor in a topic, before it goes; nil: nothing has to be read.
    func orphans(in topic: Int32, of session: Int32) -> Orphans? {
        let place = Int(session)
        guard sessions[place].isPersistent,
            let cursor = sessions[place].cursors.firstIndex(where: { $0.topic == topic }),
            sessions[place].cursors[cursor].inFlightCount > 0
        else { return nil }
        var items = sessions[place].inFlight.unanswered(cursor: Int32(cursor))
        items.removeAll { sessions[place].kept.byOrdinal[$0.ordinal] != nil }
        return items.isEmpty ? nil : Orphans(topic: topics[Int(topic)].topic, items: items)
    }

    /// A subscription was lowered to QoS 0: on the next connection the log won't be there to send them again from.
    func addOrphans(ofLowered filter: [UInt8], _ session: Int32, to orphans: inout [Orphans]) {
        guard let topic = logTopic(of: filter), let found = self.orphans(in: topic, of: session),
            !orphans.contains(where: { $0.topic.id == found.topic.id })
        else { return }
        orphans.append(found)
    }

    /// They were read: from now on the session keeps them, if they are still not complete.
    mutating func keepOrphans(_ orphans: [(ordinal: Int64, entry: LogEntry)], of session: Int32) {
        let place = Int(session), isVersion5 = sessions[place].version == .v5
        for (ordinal, entry) in orphans {
            guard let qos = sessions[place].inFlight.qosOfUnanswered(ordinal),
                sessions[place].kept.byOrdinal[ordinal] == nil
            else { continue }
            var name: [UInt8] = []
            entry.topic.address.appendName(to: &name)
            let encoded = EncodedEntry(entry, name)
            var packet: [UInt8] = []
            ServerPacket.encodePublish(
                into: &packet, version: sessions[place].version, topic: encoded.topic, payload: encoded.payload,
                qos: qos, retain: false, packetID: InFlight.packetID(ordinal),
                properties: DeliveryProperties(forwarded: encoded.properties))
            sessions[place].kept.keep(KeptFrames.Frame(bytes: packet, isVersion5: isVersion5), ordinal: ordinal)
        }
    }
}

extension Shard.Orphans {
    /// Reads of the entries, in statements that bring no more than so many. What stands between two of them may be as long as a log: entries
    /// that the session does not get take no place in flight.
    func reads(most: Int) -> [[LogRead]] {
        var statements: [[LogRead]] = []
        var room = 0
        for seq in items.map(\.seq).sorted() {
            if room == 0 {
                statements.append([])
                room = most
            }
            room -= 1
            let statement = statements.count - 1, last = statements[statement].count - 1
            if last >= 0, statements[statement][last].seq + Int64(statements[statement][last].limit) + 1 == seq {
                statements[statement][last].limit += 1
            } else {
                statements[statement].append(LogRead(topic: topic, after: seq - 1, limit: 1))
            }
        }
        return statements
    }
}

extension Hub {
    /// The entries behind orphans, as far as they are there.
    func read(_ orphans: [Shard.Orphans]) async -> [(ordinal: Int64, entry: LogEntry)] {
        var found: [(ordinal: Int64, entry: LogEntry)] = []
        for group in orphans {
            let ordinals = Dictionary(group.items.map { ($0.seq, $0.ordinal) }) { first, _ in first }
            for reads in group.reads(most: Limits.catchUpEntriesMax) {
                // Where one is gone, what follows it comes instead.
                for entry in (await read(reads) ?? []).joined() {
                    if let ordinal = ordinals[entry.seq] { found.append((ordinal, entry)) }
                }
            }
        }
        return found
    }
}
