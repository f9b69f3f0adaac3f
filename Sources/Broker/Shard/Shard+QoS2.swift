import MQTT
import Transport

// The second half of QoS 2 in both directions (MQTT 5 §4.3.3).
extension Shard {
    // MARK: From the client

    /// A PUBLISH whose exchange stands already is not published again [MQTT-4.3.3-10]; its PUBREC may have been lost.
    /// - Returns: whether it was one.
    mutating func isRepetition(_ publish: Publish, from session: Int32, io: inout Connections) -> Bool {
        switch sessions[Int(session)].inbound.state(of: publish.packetID) {
        case nil, .restored: return false
        // Its PUBREC waits for the commit, and will come.
        case .publishing: return true
        case .arrived:
            send(.pubrec, publish.packetID, to: session, io: &io)
            return true
        }
    }

    /// PUBREL ends the exchange: from now on the packet identifier stands for another message [MQTT-4.3.3-11] [MQTT-4.3.3-12].
    mutating func release(_ packetID: UInt16, of session: Int32, io: inout Connections) {
        let isKnown = sessions[Int(session)].inbound.release(packetID)
        if isKnown, sessions[Int(session)].isPersistent {
            hold(.write(packet(.pubcomp, packetID, for: session)), of: session)
        } else {
            send(.pubcomp, packetID, isKnown ? .success : .packetIdentifierNotFound, to: session, io: &io)
        }
        resumeReading(session, io: &io)
    }

    // MARK: To the client

    mutating func received(_ acknowledgement: Acknowledgement, of session: Int32, io: inout Connections) {
        let packetID = acknowledgement.packetID
        if acknowledgement.reason.isError {
            guard sessions[Int(session)].inFlight.reject(packetID) else { return }
            settleShare(packetID, session)
            settle(session, io: &io)
            return
        }
        switch sessions[Int(session)].inFlight.receive(packetID) {
        // Its PUBREL may be among what is held, and was sent if it is not: one is enough.
        case .arrived(isNew: false) where !sessions[Int(session)].held.isEmpty: break
        // If we forgot that it has arrived, we would send it again, and the client would take it for another message.
        case .arrived(isNew: true) where sessions[Int(session)].isPersistent:
            hold(.write(packet(.pubrel, packetID, for: session)), of: session)
        case .arrived: send(.pubrel, packetID, to: session, io: &io)
        case .unknown: send(.pubrel, packetID, .packetIdentifierNotFound, to: session, io: &io)
        }
    }

    mutating func completed(_ packetID: UInt16, of session: Int32, io: inout Connections) {
        guard sessions[Int(session)].inFlight.complete(packetID) else { return }
        settleShare(packetID, session)
        settle(session, io: &io)
    }

    // MARK: Packets

    mutating func send(
        _ type: PacketType, _ packetID: UInt16, _ reason: ReasonCode = .success, to session: Int32,
        io: inout Connections
    ) {
        io.append(packet(type, packetID, reason, for: session).span, to: sessions[Int(session)].slot)
    }

    private func packet(
        _ type: PacketType, _ packetID: UInt16, _ reason: ReasonCode = .success, for session: Int32
    ) -> [UInt8] {
        var packet: [UInt8] = []
        ServerPacket.encodeAcknowledgement(
            type, into: &packet, version: sessions[Int(session)].version, packetID: packetID, reason: reason)
        return packet
    }
}

extension ClientPacket {
    /// What answers a PUBLISH of ours.
    var answer: (type: PacketType, packetID: UInt16)? {
        switch self {
        case .puback(let acknowledgement): (.puback, acknowledgement.packetID)
        case .pubrec(let acknowledgement): (.pubrec, acknowledgement.packetID)
        case .pubcomp(let acknowledgement): (.pubcomp, acknowledgement.packetID)
        case .connect, .publish, .pubrel, .subscribe, .unsubscribe, .pingreq, .disconnect, .auth: nil
        }
    }
}
