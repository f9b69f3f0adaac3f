import MQTT
import Persistence
import Transport

// The durable state of live sessions. Cursors are saved every few seconds: a crash then makes some QoS 1 messages come again. What QoS 2
// depends on is saved before it is done: packet identifiers before PUBLISH, their release before PUBREL and PUBCOMP.
extension Shard {
    /// Does something once the session's state as it is now is saved.
    mutating func hold(_ action: HeldActions.Action, of session: Int32) {
        let place = Int(session)
        precondition(sessions[place].isPersistent)
        sessions[place].revision &+= 1
        sessions[place].held.append(action, revision: sessions[place].revision)
        requestSave(session)
    }

    /// Does it in its turn, behind what is held already, without a change of its own to be saved.
    mutating func holdBehind(_ action: HeldActions.Action, of session: Int32) {
        sessions[Int(session)].held.append(action, revision: sessions[Int(session)].revision)
    }

    /// Has the session saved at the end of the turn.
    private mutating func requestSave(_ session: Int32) {
        guard !sessions[Int(session)].isSaveRequested else { return }
        sessions[Int(session)].isSaveRequested = true
        sessionsToSave.append(session)
    }

    /// The end of a turn: one save for all that a session did in it. While one is under way the next waits for its end.
    mutating func saveSessions() {
        guard !sessionsToSave.isEmpty else { return }
        for session in sessionsToSave where sessions[Int(session)].isSaveRequested {
            guard !sessions[Int(session)].isSaving else { continue }
            sessions[Int(session)].isSaveRequested = false
            sessions[Int(session)].isSaving = true
            sessions[Int(session)].cursorsChanged = false
            hub.journal.save(
                sessions[Int(session)].storedID, state(of: session),
                for: .shard(index, session: sessionToken(session), revision: sessions[Int(session)].revision))
        }
        sessionsToSave.removeAll { !sessions[Int($0)].isSaveRequested }
    }

    mutating func saved(_ saved: [SavedSession], isSaved: Bool, io: inout Connections) {
        for item in saved {
            guard let session = session(of: item.session) else { continue }
            sessions[Int(session)].isSaving = false
            if isSaved {
                sessions[Int(session)].savedRevision = item.revision
                act(session, savedRevision: item.revision, io: &io)
            } else if !sessions[Int(session)].held.isEmpty {
                disconnect(session, .serverBusy, text: "the database is away", io: &io)
            } else {
                noteCursorChange(session)
            }
        }
    }

    private mutating func act(_ session: Int32, savedRevision: UInt32, io: inout Connections) {
        var isSettled = false
        for action in sessions[Int(session)].held.take(savedRevision: savedRevision) {
            switch action {
            case .write(let packet): io.append(packet.span, to: sessions[Int(session)].slot)
            case .deliver(let frame, let packetID, _) where !mayStillReceive(frame, session):
                withdrawHeld(packetID, of: session)
                isSettled = true
            case .deliver(let frame, let packetID, let offset):
                appendPublish(frame, packetID: packetID, at: offset, to: session, io: &io)
            case .answer(let answer):
                send(answer, to: session, io: &io)
                // The client may have no room for it.
                guard isLive(session) else { return }
            case .publish(let packet, _):
                // Behind one that the client will send again it would be numbered before it: it comes again too.
                if sessions[Int(session)].acknowledgements.isBlocked { continue }
                do throws(ProtocolError) {
                    try receiveHeld(packet, from: session, io: &io)
                } catch {
                    disconnect(session, error.reason, text: "\(error.message)", io: &io)
                    return
                }
            }
        }
        if isSettled { settle(session, io: &io) }
        resumeReading(session, io: &io)
    }

    /// A message of QoS 2 that the session may no longer have: its identifier is free, and if it was shared, another member may get it.
    private mutating func withdrawHeld(_ packetID: UInt16, of session: Int32) {
        guard sessions[Int(session)].inFlight.reject(packetID) else { return }
        giveBackShare(packetID, session)
        noteCursorChange(session)
    }

    // MARK: Cursors

    mutating func noteCursorChange(_ session: Int32) {
        guard sessions[Int(session)].isPersistent, !sessions[Int(session)].cursorsChanged else { return }
        sessions[Int(session)].cursorsChanged = true
        sessionsWithChangedCursors.append(session)
    }

    mutating func saveChangedCursors() {
        for session in sessionsWithChangedCursors where sessions[Int(session)].cursorsChanged { requestSave(session) }
        sessionsWithChangedCursors.removeAll(keepingCapacity: true)
    }

    // MARK: State

    func state(of session: Int32) -> SessionState {
        let place = Int(session)
        guard sessions[place].isPersistent else { return SessionState() }
        var state = SessionState()
        for cursor in sessions[place].cursors where cursor.topic >= 0 {
            state.cursors.append(
                Cursor(
                    topicID: cursor.topicID, acked: cursor.acknowledged,
                    since: joinedSeq(sessions[place].user, cursor.topic) ?? 0))
        }
        state.nextOrdinal = sessions[place].inFlight.nextOrdinal
        sessions[place].inFlight.forEach { ordinal, item in
            let kept = item.state == .sent || item.state == .restored ? sessions[place].kept.byOrdinal[ordinal] : nil
            guard item.state == .released || item.cursor >= 0 || kept != nil else { return }
            if let kept {
                state.packets.append(
                    SessionState.Packet(ordinal: ordinal, isVersion5: kept.isVersion5, bytes: kept.bytes))
            }
            // An entry of a group's log is named, so that after a crash its home knows who has it.
            let shared = item.cursor < 0 ? sessions[place].shares.entry(InFlight.packetID(ordinal)) : nil
            if shared != nil { state.holdsShared = true }
            let topicID = item.cursor >= 0 ? sessions[place].cursors[Int(item.cursor)].topicID : shared?.topicID ?? 0
            state.deliveries.append(
                SessionState.Delivery(
                    ordinal: ordinal, topicID: topicID, seq: shared?.seq ?? item.seq, isExactlyOnce: item.isExactlyOnce,
                    progress: item.state.progress))
        }
        for (packetID, exchange) in sessions[place].inbound.byPacketID {
            state.exchanges.append(
                SessionState.Exchange(
                    packetID: packetID, entryID: exchange.entryID, isPublished: exchange.isPublished))
        }
        return state
    }

    /// Brings back what a session had in flight; its cursors are there again.
    mutating func restore(_ state: SessionState, of session: Int32) {
        let place = Int(session)
        for exchange in state.exchanges {
            sessions[place].inbound.restore(
                exchange.packetID, entryID: exchange.entryID, isPublished: exchange.isPublished)
        }
        for packet in state.packets {
            sessions[place].kept.keep(
                KeptFrames.Frame(bytes: packet.bytes, isVersion5: packet.isVersion5), ordinal: packet.ordinal)
        }
        for delivery in state.deliveries {
            let cursor = sessions[place].cursors.firstIndex { $0.topic >= 0 && $0.topicID == delivery.topicID } ?? -1
            var item = InFlight.Item(
                cursor: Int32(cursor), state: delivery.progress.restored, isExactlyOnce: delivery.isExactlyOnce,
                seq: delivery.seq)
            // What the user may no longer read is not sent again.
            if item.state == .restored, cursor < 0, sessions[place].kept.byOrdinal[delivery.ordinal] == nil {
                item.state = .done
            }
            if cursor >= 0 { sessions[place].cursors[cursor].inFlightCount += 1 }
            sessions[place].inFlight.restore(ordinal: delivery.ordinal, item)
        }
        sessions[place].inFlight.continue(at: state.nextOrdinal)
    }

    /// PUBREL for each message that the client had received before its last connection ended [MQTT-4.4.0-1].
    mutating func repeatReleases(_ session: Int32, io: inout Connections) {
        var released: [UInt16] = []
        sessions[Int(session)].inFlight.forEach { ordinal, item in
            if item.state == .released { released.append(InFlight.packetID(ordinal)) }
        }
        for packetID in released { send(.pubrel, packetID, to: session, io: &io) }
    }
}

extension InFlight.State {
    fileprivate var progress: SessionState.Delivery.Progress {
        switch self {
        case .restored, .sent: .sent
        case .released: .released
        case .done: .done
        }
    }
}

extension SessionState.Delivery.Progress {
    fileprivate var restored: InFlight.State {
        switch self {
        case .sent: .restored
        case .released: .released
        case .done: .done
        }
    }
}
