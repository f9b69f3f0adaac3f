import MQTT

@testable import Persistence

extension Client {
    /// What came on the connection, in any pieces.
    func received(_ bytes: [UInt8]) {
        guard var unread = link?.unread else { return }
        unread += bytes
        var offset = 0
        do throws(ProtocolError) {
            while phase != .offline, let header = try FixedHeader.read(unread.span, at: offset, packetBytesMax: .max),
                offset + header.packetLength <= unread.count
            {
                let end = offset + header.packetLength
                world.note(bytes: unread[offset..<end])
                let packet = Array(unread[offset..<end])
                received(try ServerPacket.decode(header, in: packet.span, at: 0, version: version), packet)
                offset = end
            }
        } catch {
            world.fail("\(name) got what is no packet: \(error)")
        }
        unread.removeFirst(offset)
        link?.unread = unread
    }

    private func received(_ packet: ServerPacket, _ bytes: [UInt8]) {
        if case .connack(let connack) = packet { return received(connack) }
        world.expect(phase == .connected, "\(name) got a packet before CONNACK: \(packet)")
        switch packet {
        case .connack, .pingresp: break
        case .publish(let publish): received(publish, bytes)
        case .puback(let answer): received(answer)
        case .pubrec(let answer): received(pubrec: answer)
        case .pubrel(let answer): received(pubrel: answer)
        case .pubcomp(let answer): received(pubcomp: answer)
        case .suback(let suback): received(suback)
        case .disconnect(let disconnect):
            world.note("told to go", index, Int(disconnect.reason.rawValue), "\(name): \(disconnect.reason)")
        case .unsuback, .auth: world.fail("\(name) got what it did not ask for: \(packet)")
        }
    }

    private func received(pubrel: Acknowledgement) {
        received[pubrel.packetID] = nil
        answers.append((.pubcomp, pubrel.packetID))
    }

    // MARK: PUBLISH

    private func received(_ publish: Publish, _ bytes: [UInt8]) {
        let topic = String(decoding: bytes[publish.topic], as: UTF8.self), payload = Array(bytes[publish.payload])
        world.note(
            "delivered", index, Int(publish.packetID),
            "\(name): \(topic) \(String(decoding: payload, as: UTF8.self)), \(publish.qos), packet \(publish.packetID)\(publish.dup ? " again" : "")"
        )
        if publish.qos != .atMostOnce {
            let isNew = openDeliveries.insert(publish.packetID).inserted
            world.expect(isNew, "\(name): packet identifier \(publish.packetID) is in use")
            world.expect(openDeliveries.count <= receiveMaximum, "\(name) got more than its receive maximum")
        }
        switch publish.qos {
        case .atMostOnce: take(topic, payload, .atMostOnce)
        case .atLeastOnce:
            answers.append((.puback, publish.packetID))
            take(topic, payload, .atLeastOnce)
        case .exactlyOnce:
            answers.append((.pubrec, publish.packetID))
            let message = Received(payload: payload, mayBeGivenUp: mayBeGivenUp(topic))
            if let earlier = received.updateValue(message, forKey: publish.packetID) {
                world.expect(earlier.payload == payload, "\(name): packet \(publish.packetID) is another message now")
                noteOrder(topic, payload)
            } else {
                take(topic, payload, .exactlyOnce)
            }
        }
    }

    private func mayBeGivenUp(_ topic: String) -> Bool {
        Tables.volatileGroups.contains { topic == "group/\($0)" } || !wanted.allSatisfy(\.isConfirmed)
            || wanted.count { $0.filter.matches(Array(topic.utf8).span) } > 1
    }

    private func take(_ topic: String, _ payload: [UInt8], _ qos: QoS) {
        // What is not stored comes without an acknowledgement, and all subscriptions of the simulation have one.
        if qos == .atMostOnce { return takeSignal(topic) }
        guard let log = database.tables.log(named: topic) else { return takePlain(topic, payload, qos) }
        guard let seq = Self.seq(in: payload) else { return world.fail("\(name) got no entry on \(topic)") }
        takeEntry(seq, of: log, payload, qos)
    }

    private func takeSignal(_ topic: String) {
        let isOwn = user > 0 && (topic == "inbox/\(user)" || topic == "presence/\(user)")
        let isFriends = (user == 1 || user == 2) && topic == "presence/\(3 - user)"
        world.expect(isOwn || isFriends, "\(name) got a signal on \(topic)")
    }

    /// The envelope's `"seq":`; nil: there is none.
    private static func seq(in payload: [UInt8]) -> Int64? {
        let name = Array("\"seq\":".utf8)
        guard let range = payload.firstRange(of: name) else { return nil }
        let digits = payload[range.upperBound...].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    // MARK: Stored topics

    private func takeEntry(_ seq: Int64, of log: Tables.Log, _ payload: [UInt8], _ qos: QoS) {
        let topic = log.topic
        guard let entry = log.entry(seq) else {
            return world.fail("\(name) got what is not committed: \(topic) \(seq)")
        }
        var envelope: [UInt8] = []
        Envelope.write(entry, into: &envelope)
        world.expect(envelope == payload, "\(name) got something else than entry \(seq) of \(topic)")
        world.expect(
            database.tables.mayRead(user, topic, seq, since: link?.openedStep ?? 0, informed: link?.informedStep ?? 0),
            "\(name) of user \(user) may not read entry \(seq) of \(topic)")
        noteOrder(topic, seq)
        record.entries[topic.id, default: [:]][seq, default: 0] += 1
        if qos == .exactlyOnce, isPersistent, record.entries[topic.id]![seq]! > 1 {
            world.fail("\(name) got entry \(seq) of \(topic) again")
        }
    }

    private func noteOrder(_ topic: String, _ payload: [UInt8]) {
        if let log = database.tables.log(named: topic), let seq = Self.seq(in: payload) { noteOrder(log.topic, seq) }
    }

    /// Each connection sees the log in its order, and no entry is left out that the client has not got before.
    private func noteOrder(_ topic: StoredTopic, _ seq: Int64) {
        defer { lastSeqs[topic.id] = seq }
        guard let last = lastSeqs[topic.id] else { return }
        guard seq > last else { return world.fail("\(name) got entry \(seq) of \(topic) after \(last)") }
        if Tables.volatileGroups.contains(topic.id) { return }
        let missing = (last + 1..<seq).first { record.entries[topic.id]?[$0] == nil }
        if let missing { world.fail("\(name) got entry \(seq) of \(topic), but not \(missing)") }
    }

    // MARK: Plain topics

    private func takePlain(_ topic: String, _ payload: [UInt8], _ qos: QoS) {
        guard let number = ledger.message(in: payload), ledger.messages[number].topic == topic else {
            return world.fail("\(name) got what nobody has published on \(topic)")
        }
        let message = ledger.messages[number]
        let count = record.messages[number, default: 0] + 1
        record.messages[number] = count
        let matching = wanted.filter { $0.filter.matches(Array(topic.utf8).span) }
        world.expect(!matching.isEmpty, "\(name) has not asked for \(topic)")
        guard matching.count == 1 else { return }
        if message.isExactlyOnce, qos == .exactlyOnce, isPersistent, count > 1 {
            world.fail("\(name) got m\(number) again")
        }
        guard count == 1, message.sendsCount == 1 else { return }
        let source = Record.Source(client: message.client, topic: topic)
        if let newest = record.newest[source], newest > number {
            world.fail("\(name) got m\(number) after m\(newest) of the same client")
        }
        record.newest[source] = max(number, record.newest[source] ?? 0)
    }

    // MARK: The end

    /// The first thing that a session that goes on has not got and should have; nil: it has everything.
    var missing: String? {
        guard isPersistent else { return nil }
        for (topicID, start) in record.starts.sorted(by: { $0.key < $1.key }) {
            guard let log = database.tables.logs[topicID], let first = firstDue(log.topic, start) else { continue }
            if let seq = (first..<log.lastSeq + 1).first(where: { record.entries[topicID]?[$0] == nil }) {
                return "\(name) has not got entry \(seq) of \(log.topic)"
            }
        }
        for (number, message) in ledger.messages.enumerated() where !message.isStored && message.isAcknowledged {
            guard message.qos != .atMostOnce, record.messages[number] == nil else { continue }
            let isDue = wanted.contains { wanted in
                wanted.qos != .atMostOnce && wanted.filter.matches(Array(message.topic.utf8).span)
                    && number >= wanted.firstMessage ?? .max
            }
            if isDue { return "\(name) has not got m\(number) on \(message.topic)" }
        }
        return nil
    }

    /// From which entry on all must have come; nil: the client may not read the topic now.
    private func firstDue(_ topic: StoredTopic, _ start: Int64) -> Int64? {
        guard case .group(let group) = topic.address else {
            return database.tables.mayRead(user, topic, 1, since: 0, informed: 0) ? start + 1 : nil
        }
        guard let access = database.tables.access[group]?[user]?.last, access.end == nil else { return nil }
        return max(start + 1, access.from)
    }
}
