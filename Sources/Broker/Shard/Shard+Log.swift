import JSON
import MQTT
import Memory
import Persistence
import Topics
import Transport

// Delivery on stored topics: entries come from the log, in its order, after their commit. A session that cannot take the next entry is
// skipped and reads the log itself when it can.
extension Shard {
    // MARK: Committed entries

    /// An entry was committed. Entries of one topic may come in another order than they were numbered, since several connections
    /// commit them; the missing ones are on their way to this mailbox.
    mutating func apply(_ entry: LogEntry, io: inout Connections) {
        guard let topic = topicIndex[entry.topic.id], topics[Int(topic)].head < entry.seq else {
            applyChange(of: entry, io: &io)
            if let topic = topicIndex[entry.topic.id], topics[Int(topic)].head + 1 == entry.seq {
                advance(topic, entry, io: &io)
            } else if topicIndex[entry.topic.id] == nil {
                recentHeads.note(entry.topic.id, entry.seq)
            }
            return
        }
        guard topics[Int(topic)].head + 1 == entry.seq else {
            if topics[Int(topic)].early.isEmpty { topics[Int(topic)].earlySince = io.now }
            topics[Int(topic)].early.append(entry)
            applyLoss(by: entry, io: &io)
            return
        }
        applyChange(of: entry, io: &io)
        advance(topic, entry, io: &io)
        applyEarly(entry.topic.id, io: &io)
    }

    mutating func applyEarly(_ topicID: Int64, io: inout Connections) {
        while let topic = topicIndex[topicID], !topics[Int(topic)].early.isEmpty {
            let next = topics[Int(topic)].head + 1
            guard let found = topics[Int(topic)].early.firstIndex(where: { $0.seq <= next }) else { return }
            let entry = topics[Int(topic)].early.remove(at: found)
            topics[Int(topic)].earlySince = io.now
            guard entry.seq == next else { continue }
            applyChange(of: entry, io: &io)
            advance(topic, entry, io: &io)
        }
    }

    /// Moves a topic's head to its next entry and delivers that to those who keep up.
    private mutating func advance(_ topic: Int32, _ entry: LogEntry, io: inout Connections) {
        // The change may have taken the last reader of this shard away, and the topic with it.
        guard topicIndex[entry.topic.id] == topic else {
            recentHeads.note(entry.topic.id, entry.seq)
            return
        }
        topics[Int(topic)].advance(to: entry)
        if entry.kind == .delete, let target = entry.target {
            // What is on its way has the text still.
            finishFanouts(of: entry.topic.id, io: &io)
            topics[Int(topic)].redact(target)
        }
        noteShared(entry)
        noteForNotices(entry, in: topic, now: io.now)
        guard !topics[Int(topic)].subscribers.isEmpty else { return }
        fanOut(EncodedEntry(entry, topics[Int(topic)].name), of: topic, io: &io)
    }

    // MARK: One delivery

    /// An entry as its subscribers get it.
    struct EncodedEntry {
        static let jsonProperties: [UInt8] = {
            var properties: [UInt8] = []
            properties.appendProperty(.payloadFormatIndicator, flag: true)
            properties.appendProperty(.contentType, text: "application/json")
            return properties
        }()

        enum Source {
            case entry(senderID: Int64)
            /// A message of a plain topic, which each subscriber gets in its own way.
            case plain(id: Int64, PlainEntry)
            /// The hub tells about the log, in the place of an entry.
            case notice
        }

        let seq: Int64
        let source: Source
        let topic: [UInt8]
        let payload: [UInt8]

        init(_ entry: LogEntry, _ topic: [UInt8]) {
            seq = entry.seq
            if entry.kind == .plain {
                let message = PlainEntry(entry)
                self.topic = message.topic
                payload = message.payload
                source = .plain(id: entry.id, message)
            } else {
                var envelope: [UInt8] = []
                Envelope.write(entry, into: &envelope)
                self.topic = topic
                payload = envelope
                source = .entry(senderID: entry.senderID)
            }
        }

        /// The MQTT 5 properties that all deliveries carry.
        var properties: [UInt8] {
            switch source {
            case .plain(_, let message): return message.forwarded
            case .notice: return Self.jsonProperties
            case .entry(let senderID):
                var properties = Self.jsonProperties
                properties.appendUserProperty("seq", seq)
                properties.appendUserProperty("from", senderID)
                return properties
            }
        }
    }

    /// - Returns: false if the session cannot take it now.
    @discardableResult
    mutating func send(
        _ entry: EncodedEntry, at cursor: Int32, to session: Int32, io: inout Connections
    ) -> Bool {
        let place = Int(session)
        let qos = sessions[place].cursors[Int(cursor)].qos
        guard !io.isCongested(sessions[place].slot), mayTake(qos, cursor, session) else { return false }
        var delivery = LoggedDelivery(
            qos: qos, retain: false, identifiers: sessions[place].cursors[Int(cursor)].identifiers)
        var repetition = InFlight.Repetition.none
        if sessions[place].inFlight.mayRepeat {
            repetition = sessions[place].inFlight.repeats(cursor: cursor, seq: entry.seq)
            if case .arrived = repetition {
                sessions[place].cursors[Int(cursor)].sent = entry.seq
                return true
            }
        }
        if case .plain(let id, let message) = entry.source {
            let log = sessions[place].cursors[Int(cursor)].topicID
            guard let own = self.delivery(of: message, id: id, log: log, to: session) else {
                passOver(entry.seq, repetition, at: cursor, of: session)
                return true
            }
            delivery = own
        }
        if case .due(_, let qos) = repetition {
            delivery.qos = qos
        } else if sessions[place].inFlight.isFull {
            // What is sent before all of an earlier connection is repeated may find no place behind it.
            delivery.qos = .atMostOnce
        }
        let (frame, offset) = encode(entry, delivery, for: session)
        guard frame.count <= sessions[place].packetBytesMax else {
            // Too large for this client: as if it had been delivered [MQTT-3.1.2-25].
            passOver(entry.seq, repetition, at: cursor, of: session)
            return true
        }
        sessions[place].cursors[Int(cursor)].sent = entry.seq
        guard delivery.qos.isAcknowledged else {
            // What was sent before the subscription was lowered may still have to be sent again.
            if sessions[place].cursors[Int(cursor)].inFlightCount == 0 {
                sessions[place].cursors[Int(cursor)].acknowledged = entry.seq
                noteCursorChange(session)
            }
            appendPublish(frame, to: session, io: &io)
            return true
        }
        if case .due(let packetID, _) = repetition {
            let packet = ServerPacket.repeated(frame, packetID: packetID, at: offset)
            guard delivery.qos != .exactlyOnce || sessions[place].held.isEmpty else {
                // Something new of QoS 2 may have to be saved before it is sent, and this comes after it. QoS 1 waits for nothing.
                holdBehind(.deliver(packet, packetID: packetID, offset: offset), of: session)
                return true
            }
            appendPublish(packet, packetID: packetID, at: offset, to: session, io: &io)
            return true
        }
        sessions[place].cursors[Int(cursor)].inFlightCount += 1
        send(frame, packetIDAt: offset, delivery.qos, cursor: cursor, seq: entry.seq, to: session, io: &io)
        return true
    }

    /// A new delivery of QoS 1 or 2, for which there is room.
    /// - Parameter isKept: no log has it, and a persistent session is to get it for sure.
    mutating func send(
        _ frame: [UInt8], packetIDAt offset: Int, _ qos: QoS, cursor: Int32, seq: Int64, isKept: Bool = false,
        to session: Int32, io: inout Connections
    ) {
        let place = Int(session)
        let packetID = sessions[place].inFlight.append(cursor: cursor, seq: seq, qos: qos)
        if isKept { keepFrame(numbered(frame, packetID, at: offset), of: session) }
        guard qos == .exactlyOnce, sessions[place].isPersistent else {
            appendPublish(frame, packetID: packetID, at: offset, to: session, io: &io)
            return
        }
        // After a crash the client must find no other message under this identifier.
        hold(.deliver(frame, packetID: packetID, offset: offset), of: session)
    }

    private func numbered(_ frame: [UInt8], _ packetID: UInt16, at offset: Int) -> [UInt8] {
        var packet = frame
        ServerPacket.patchPacketID(packetID, in: &packet, at: offset)
        return packet
    }

    /// Whether a session has room for an entry at one of its cursors. What an earlier connection had in flight comes first.
    private func mayTake(_ qos: QoS, _ cursor: Int32, _ session: Int32) -> Bool {
        let place = Int(session)
        if sessions[place].inFlight.restoredCount > 0 {
            return sessions[place].inFlight.outstanding < sessions[place].receiveMaximum
                && sessions[place].inFlight.hasRestored(cursor: cursor)
        }
        return qos == .atMostOnce || sessions[place].hasWindow
    }

    /// The shared form, unless something in it is the session's own.
    private mutating func encode(
        _ entry: EncodedEntry, _ delivery: LoggedDelivery, for session: Int32
    ) -> (frame: [UInt8], packetIDOffset: Int) {
        let form = FrameSet.Form(
            isVersion5: sessions[Int(session)].version == .v5, qos: delivery.qos, retain: delivery.retain)
        if !form.isVersion5 || delivery.identifiers.isEmpty && delivery.expirySeconds == nil {
            let index = frames.form(
                form, topic: entry.topic.span, payload: entry.payload.span, forwarded: entry.properties)
            return (frames.frames[index], frames.packetIDOffset(index))
        }
        var properties = DeliveryProperties(forwarded: entry.properties)
        properties.subscriptionIDs = delivery.identifiers
        properties.messageExpirySeconds = delivery.expirySeconds
        var frame: [UInt8] = []
        let offset = ServerPacket.encodePublish(
            into: &frame, version: .v5, topic: entry.topic.span, payload: entry.payload.span, qos: delivery.qos,
            retain: delivery.retain, properties: properties)
        return (frame, offset)
    }

    /// The session does not get this entry: its cursor goes on as if it had.
    mutating func passOver(
        _ seq: Int64, _ repetition: InFlight.Repetition, at cursor: Int32, of session: Int32
    ) {
        let place = Int(session)
        sessions[place].cursors[Int(cursor)].sent = seq
        if case .due(let packetID, _) = repetition { sessions[place].inFlight.withdraw(packetID) }
        advanceCursors(of: session)
        if sessions[place].cursors[Int(cursor)].inFlightCount == 0 {
            sessions[place].cursors[Int(cursor)].acknowledged = seq
            noteCursorChange(session)
        }
    }

    // MARK: Catching up

    mutating func markBehind(_ session: Int32, _ cursor: Int32) {
        guard !sessions[Int(session)].cursors[Int(cursor)].isBehind else { return }
        sessions[Int(session)].cursors[Int(cursor)].isBehind = true
        sessions[Int(session)].behind.append(cursor)
    }

    /// Sends what a session is behind with, as far as it can take it: recent entries from memory, older ones from the log.
    mutating func pump(_ session: Int32, io: inout Connections) {
        let place = Int(session)
        if sessions[place].inFlight.restoredCount > 0 { repeatKept(session, io: &io) }
        var position = 0
        while position < sessions[place].behind.count {
            let cursor = sessions[place].behind[position]
            let state = sessions[place].cursors[Int(cursor)]
            let topic = topics[Int(state.topic)]
            if state.sent >= topic.head {
                sessions[place].cursors[Int(cursor)].isBehind = false
                sessions[place].behind.remove(at: position)
                continue
            }
            let restoredCount = sessions[place].inFlight.restoredCount
            if restoredCount > 0, !sessions[place].inFlight.hasRestored(cursor: cursor) {
                position += 1
                continue
            }
            guard !io.isCongested(sessions[place].slot), mayTake(state.qos, cursor, session) else { return }
            guard let entry = topic.recentEntry(state.sent + 1) else {
                readLogs(session)
                return
            }
            frames.reset()
            guard send(EncodedEntry(entry, topic.name), at: cursor, to: session, io: &io) else { return }
            if restoredCount > 0, sessions[place].inFlight.restoredCount == 0 { position = 0 }
        }
        // Whatever is left of an earlier connection is nowhere to be read, and must not hold up the rest; unless it stands behind what
        // this shard has heard of.
        if sessions[place].inFlight.restoredCount > 0, sessions[place].inFlight.firstRestored(cursor: -1) == nil {
            // A cursor that is not behind may wait for its turn in a fan-out.
            let ends = sessions[place].cursors.map { cursor in
                cursor.topic < 0 ? .max : cursor.isBehind ? topics[Int(cursor.topic)].head : cursor.sent
            }
            if sessions[place].inFlight.forgetRestored(upTo: ends) { settle(session, io: &io) }
        }
    }

    /// Reads for all cursors that are behind, so that many topics with a few entries each take few questions; no more than the session
    /// has room for, since what can't be sent would be read again.
    private mutating func readLogs(_ session: Int32) {
        let place = Int(session)
        guard !sessions[place].isReadingLog else { return }
        let isRepeating = sessions[place].inFlight.restoredCount > 0
        // What is repeated has its place in flight already.
        var window =
            isRepeating
            ? sessions[place].receiveMaximum - sessions[place].inFlight.outstanding : sessions[place].window
        var room = Limits.catchUpEntriesMax
        var reads: [CatchUp] = []
        for cursor in sessions[place].behind {
            let state = sessions[place].cursors[Int(cursor)], topic = topics[Int(state.topic)]
            let most = state.qos == .atMostOnce ? room : min(room, window)
            guard most > 0, state.sent < topic.head, topic.recentEntry(state.sent + 1) == nil,
                !isRepeating || sessions[place].inFlight.hasRestored(cursor: cursor)
            else { continue }
            let count = Int(min(topic.head - state.sent, Int64(most)))
            reads.append(
                CatchUp(read: LogRead(topic: topic.topic, after: state.sent, limit: count), head: topic.head))
            room -= count
            if state.qos.isAcknowledged { window -= count }
        }
        precondition(!reads.isEmpty, "the caller has found one with room")
        sessions[place].isReadingLog = true
        let token = sessionToken(session)
        Task { [hub, index, reads] in
            hub.mailroom.post(.logRead(session: token, reads, pages: await hub.read(reads.map(\.read))), to: index)
        }
    }

    mutating func logRead(_ token: UInt64, _ reads: [CatchUp], _ pages: [[LogEntry]]?, io: inout Connections) {
        guard let session = session(of: token) else { return }
        sessions[Int(session)].isReadingLog = false
        guard let pages else {
            disconnect(session, .serverBusy, text: "the database is away", io: &io)
            return
        }
        for (read, entries) in zip(reads, pages) { send(entries, of: read, to: session, io: &io) }
        pump(session, io: &io)
    }

    private mutating func send(_ entries: [LogEntry], of asked: CatchUp, to session: Int32, io: inout Connections) {
        let place = Int(session)
        guard let topic = topicIndex[asked.read.topic.id],
            let found = sessions[place].cursors.firstIndex(where: { $0.topic == topic })
        else { return }
        let name = topics[Int(topic)].name, head = topics[Int(topic)].head
        // The cursor may have been moved while the log was read.
        if sessions[place].cursors[found].sent == asked.read.seq {
            skipTrimmed(before: entries.first?.seq ?? asked.head + 1, at: Int32(found), of: session, io: &io)
        }
        for entry in entries where entry.seq == sessions[place].cursors[found].sent + 1 && entry.seq <= head {
            frames.reset()
            guard send(EncodedEntry(entry, name), at: Int32(found), to: session, io: &io) else { break }
        }
    }

    // MARK: Tokens

    /// Names a session towards other threads: it may have gone when they answer.
    func sessionToken(_ session: Int32) -> UInt64 {
        UInt64(sessions[Int(session)].generation) << 32 | UInt64(session)
    }

    func session(of token: UInt64) -> Int32? {
        let session = Int32(truncatingIfNeeded: token & 0xFFFF_FFFF)
        guard session < sessions.count, UInt64(sessions[Int(session)].generation) == token >> 32, isLive(session) else {
            return nil
        }
        return session
    }
}
