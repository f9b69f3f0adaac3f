import FuzzSupport
import JSON
import MQTT

/// What may come, after what was sent. It is read by the same decoder that the hub uses, so that raw bytes count too.
struct Expectations {
    private(set) var connect: Connect?
    /// Of what the hub sends.
    private(set) var version = ProtocolVersion.v3_1_1
    private(set) var unanswered: [(packetID: UInt16, qos: QoS)] = []
    /// Answers to what an earlier connection brought, given before this one has brought it again: then it is answered already.
    private var early: Set<UInt16> = []
    private var unread: [UInt8] = []
    /// The stream is broken, or the first packet is not CONNECT: the hub takes nothing more.
    private var isBroken = false
    private var hasConnack = false
    /// There may be exchanges from an earlier connection.
    private var isResumed = false
    private var isEnded = false
    /// Answers that are owed, by type and packet identifier.
    private var owed: [Owed: Int] = [:]
    private var subscribeCounts: [UInt16: [Int]] = [:]
    private var hasReplay = false
    private var lastSeqs: [[UInt8]: Int64] = [:]

    private struct Owed: Hashable {
        var type: PacketType
        var packetID: UInt16
    }

    // MARK: Sent

    mutating func sent(_ bytes: [UInt8]) {
        unread += bytes
        do throws(ProtocolError) {
            while !isBroken, let header = try FixedHeader.read(unread.span, at: 0, packetBytesMax: .max),
                header.packetLength <= unread.count
            {
                let packet = try ClientPacket.decode(header, in: unread.span, at: 0, version: version)
                sent(packet, unread)
                unread.removeFirst(header.packetLength)
            }
        } catch {
            if connect == nil, let answer = error.version { version = answer }
            isBroken = true
        }
    }

    private mutating func sent(_ packet: ClientPacket, _ bytes: [UInt8]) {
        trace("   sent: \(packet)")
        guard connect != nil else {
            guard case .connect(let connect) = packet else {
                isBroken = true
                return
            }
            self.connect = connect
            version = connect.version
            return
        }
        switch packet {
        case .connect, .disconnect, .auth: break
        case .publish(let publish):
            if publish.qos == .atLeastOnce { owe(.puback, publish.packetID) }
            if publish.qos == .exactlyOnce { owe(.pubrec, publish.packetID) }
        case .puback(let answer): settle(answer.packetID, .atLeastOnce)
        case .pubrec(let answer):
            if answer.reason.isError {
                settle(answer.packetID, .exactlyOnce)
            } else {
                owe(.pubrel, answer.packetID)
            }
        case .pubrel(let answer): owe(.pubcomp, answer.packetID)
        case .pubcomp(let answer): settle(answer.packetID, .exactlyOnce)
        case .subscribe(let subscribe):
            owe(.suback, subscribe.packetID)
            subscribeCounts[subscribe.packetID, default: []].append(subscribe.entries.count)
            if subscribe.userProperties.contains(where: { $0.name == Array("after".utf8) }) { hasReplay = true }
        case .unsubscribe(let unsubscribe): owe(.unsuback, unsubscribe.packetID)
        case .pingreq: owe(.pingresp, 0)
        }
    }

    private mutating func owe(_ type: PacketType, _ packetID: UInt16) {
        owed[Owed(type: type, packetID: packetID), default: 0] += 1
    }

    // MARK: Received

    mutating func received(_ packet: ServerPacket, _ bytes: [UInt8]) {
        trace("   received: \(packet)")
        expect(!isEnded, "a packet after the last one: \(packet)")
        // [MQTT-3.1.2-24]
        if let connect { expect(bytes.count <= connect.packetBytesMax, "a packet is too large: \(packet)") }
        if case .connack(let connack) = packet {
            expect(!hasConnack, "a second CONNACK")
            hasConnack = true
            // The CONNACK of 3.1 does not tell.
            isResumed = connack.sessionPresent || version == .v3_1 && connect?.cleanStart == false
            isEnded = connack.reason.isError
            return
        }
        expect(hasConnack, "a packet before CONNACK: \(packet)")
        switch packet {
        case .connack: break
        case .publish(let publish): received(publish, bytes)
        case .puback(let answer): take(.puback, answer, bytes)
        case .pubrec(let answer): take(.pubrec, answer, bytes)
        case .pubrel(let answer): if !isResumed { take(.pubrel, answer, bytes) }
        case .pubcomp(let answer): take(.pubcomp, answer, bytes)
        case .suback(let suback):
            take(.suback, suback.packetID)
            // A client that uses an identifier twice at once can't know which is answered first.
            let counts = subscribeCounts[suback.packetID] ?? []
            guard let found = counts.firstIndex(of: suback.reasons.count) else {
                fatalError("\(suback.reasons) answer no SUBSCRIBE: \(counts)")
            }
            subscribeCounts[suback.packetID]?.remove(at: found)
            expectSilence(suback.properties != ReasonProperties())
        case .unsuback(let unsuback):
            take(.unsuback, unsuback.packetID)
            expectSilence(unsuback.properties != ReasonProperties())
        case .pingresp: take(.pingresp, 0)
        case .disconnect: isEnded = true
        case .auth: expect(connect?.authenticationMethod != nil, "AUTH without a method")
        }
    }

    private mutating func settle(_ packetID: UInt16, _ qos: QoS) {
        let count = unanswered.count
        unanswered.removeAll { $0.packetID == packetID && $0.qos == qos }
        if unanswered.count == count { early.insert(packetID) }
    }

    private mutating func take(_ type: PacketType, _ answer: Acknowledgement, _ bytes: [UInt8]) {
        take(type, answer.packetID)
        expectSilence(!answer.properties.isEmpty)
    }

    private mutating func take(_ type: PacketType, _ packetID: UInt16) {
        let key = Owed(type: type, packetID: packetID)
        expect(owed[key, default: 0] > 0, "\(type) \(packetID) answers nothing")
        owed[key, default: 0] -= 1
    }

    /// [MQTT-3.1.2-29]
    private func expectSilence(_ hasProperties: Bool) {
        expect(!hasProperties || connect?.requestProblemInformation != false, "an explanation that was not asked for")
    }

    private mutating func received(_ publish: Publish, _ bytes: [UInt8]) {
        guard let connect else { fatalError("a PUBLISH for nobody") }
        expect(publish.topicAlias <= connect.topicAliasMaximum, "an alias above the maximum")
        if publish.qos != .atMostOnce {
            let isOpen = unanswered.contains { $0.packetID == publish.packetID }
            expect(!isOpen, "packet identifier \(publish.packetID) is in use")
            if publish.dup, early.remove(publish.packetID) != nil { return }
            unanswered.append((publish.packetID, publish.qos))
            expect(unanswered.count <= Int(connect.receiveMaximum), "more than the receive maximum")
        }
        checkOrder(publish, bytes)
    }

    /// Entries of a log come in its order, unless the client asked for them again.
    private mutating func checkOrder(_ publish: Publish, _ bytes: [UInt8]) {
        let topic = Array(bytes[publish.topic])
        guard !hasReplay, !publish.dup,
            ["group/", "direct/", "inbox/"].contains(where: { topic.starts(with: $0.utf8) })
        else { return }
        let last = lastSeqs[topic, default: 0]
        if let (after, first) = trimmed(Array(bytes[publish.payload])) {
            expect(after >= last && first > after + 1, "\(after) to \(first) are said to be gone after \(last)")
            lastSeqs[topic] = first - 1
        }
        guard let range = publish.userProperty(named: "seq", in: bytes.span),
            let seq = Int64(String(decoding: bytes[range], as: UTF8.self))
        else { return }
        expect(seq > last, "entry \(seq) comes after \(last)")
        lastSeqs[topic] = seq
    }

    /// What a notice of lost entries says.
    private func trimmed(_ payload: [UInt8]) -> (after: Int64, first: Int64)? {
        guard let notice = try? JSONValue(parsing: payload), notice["type"]?.string == "history_trimmed",
            let after = notice["body"]?["after"]?.int64, let first = notice["body"]?["first_seq"]?.int64
        else { return nil }
        return (after, first)
    }
}
