import Identity
import MQTT
import Persistence
import Topics
import Transport

extension Shard {
    // MARK: CONNECT

    mutating func connect(
        _ id: ConnectionID, _ connect: consuming Connect, from peer: PeerAddress, io: inout Connections
    ) throws(ProtocolError) {
        guard !isStopping else { throw refusal(.serverUnavailable, "the server is shutting down", connect.version) }
        let token = try token(of: connect)
        if connect.clientID.isEmpty {
            // A client id of ours can't come back, so the session ends with its connection in 3.x [MQTT-3.1.3-8].
            guard connect.version == .v5 || connect.cleanStart else {
                throw refusal(.clientIdentifierNotValid, "an empty client id needs a clean session", connect.version)
            }
        } else if connect.clientID.count > Limits.clientIDBytesMax {
            throw refusal(.clientIdentifierNotValid, "the client id is too long", connect.version)
        }
        if let token {
            try identify(id, connect, token, from: peer, io: &io)
        } else {
            try begin(id, connect, nil, io: &io)
        }
    }

    /// - Parameter claims: nil: anonymous.
    mutating func begin(
        _ id: ConnectionID, _ connect: consuming Connect, _ claims: Claims?, io: inout Connections
    ) throws(ProtocolError) {
        if let claims { try checkUserName(connect, claims) }
        let assigned = connect.clientID.isEmpty ? hub.makeClientID() : nil
        let key = SessionKey(userID: claims?.userID ?? 0, clientID: assigned ?? connect.clientID)
        try checkWill(connect, claims, clientID: key.clientID)
        let claim: SessionRegistry.Claim, previous: SessionRegistry.Claim?
        do throws(SessionRegistry.Full) {
            (claim, previous) = try hub.registry.claim(key, shard: index)
        } catch {
            hub.metrics.turnedAway.add(1)
            throw refusal(
                .quotaExceeded,
                error == .ofUser ? "the user has too many connections" : "the hub has too many connections",
                connect.version)
        }
        var waiting = Connecting(connection: id, connect: connect, key: key, claim: claim, claims: claims)
        if let claims { waiting.user = holdUser(claims.userID) }
        connecting[claim.serial] = waiting
        clients[Int(id.slot)] = .waiting(claim.serial)
        io.pauseReading(id.slot)
        if let previous {
            connecting[claim.serial]?.isBusy = true
            hub.mailroom.post(.takeOver(key, previous, by: Claimant(claim: claim, connection: id)), to: previous.shard)
        } else {
            load(claim.serial, io: &io)
        }
    }

    func refusal(_ reason: ReasonCode, _ message: StaticString, _ version: ProtocolVersion) -> ProtocolError {
        ProtocolError(reason, message, version: version)
    }

    // MARK: Taking over

    /// A client elsewhere (or here) has claimed a session that this shard holds under `claim`.
    mutating func takeOver(
        _ key: SessionKey, _ claim: SessionRegistry.Claim, by claimant: Claimant, io: inout Connections
    ) {
        if let waiting = connecting[claim.serial] {
            connecting[claim.serial]?.successor = claimant
            if !waiting.isAbandoned {
                // CONNACK has no code for it (MQTT 5 §3.2.2.2).
                refuseWaiting(claim.serial, .unspecifiedError, text: "the session was taken over", io: &io)
            } else if !waiting.isBusy {
                finishAbandoned(claim.serial)
            }
            return
        }
        guard let session = sessionBySerial[claim.serial] else {
            // It ended just now by itself, and whatever it had to save is on its way: `endSession` has answered for it.
            hub.saver.whenSaved(claim) { [hub] in hub.mailroom.post(.released(claimant), to: claimant.claim.shard) }
            return
        }
        disconnect(session, .sessionTakenOver, io: &io)
        hub.saver.whenSaved(claim) { [hub] in hub.mailroom.post(.released(claimant), to: claimant.claim.shard) }
    }

    mutating func released(_ claimant: Claimant, io: inout Connections) {
        let serial = claimant.claim.serial
        guard let waiting = connecting[serial] else { return }
        connecting[serial]?.isBusy = false
        if waiting.isAbandoned { finishAbandoned(serial) } else { load(serial, io: &io) }
    }

    /// The connection of a waiting client is gone.
    mutating func abandonConnecting(_ serial: UInt64) {
        guard let waiting = connecting[serial], !waiting.isAbandoned else { return }
        connecting[serial]?.isAbandoned = true
        if !waiting.isBusy { finishAbandoned(serial) }
    }

    /// - Parameter opened: what was read for it: nobody is connected to it now.
    private mutating func finishAbandoned(_ serial: UInt64, opened: OpenedSession? = nil) {
        guard let waiting = connecting.removeValue(forKey: serial) else { return }
        precondition(waiting.isAbandoned && !waiting.isBusy)
        if waiting.user >= 0 { releaseUser(waiting.user) }
        // Who comes next goes on with the session, unless that was to be forgotten.
        if let opened, waiting.successor == nil || waiting.isForgotten {
            hub.finish(
                waiting.key, waiting.claim, storedID: opened.stored.id, state: opened.stored.state,
                expirySeconds: waiting.sessionSeconds, after: nil, successor: waiting.successor)
            return
        }
        hub.registry.release(waiting.key, waiting.claim)
        if let successor = waiting.successor { hub.mailroom.post(.released(successor), to: successor.claim.shard) }
    }

    mutating func refuseWaiting(
        _ serial: UInt64, _ reason: ReasonCode, text: String = "", io: inout Connections
    ) {
        guard let waiting = connecting[serial], !waiting.isAbandoned else { return }
        connecting[serial]?.isRefused = true
        sendRefusal(
            waiting.connect.version, reason, text: text, packetBytesMax: waiting.connect.packetBytesMax,
            to: waiting.connection.slot, io: &io)
        abandonConnecting(serial)
    }

    // MARK: Loading

    /// Fetches what the client needs: nothing, for one without token, session and will where no such client can have left a session.
    private mutating func load(_ serial: UInt64, io: inout Connections) {
        guard let waiting = connecting[serial] else { return }
        let claimant = Claimant(claim: waiting.claim, connection: waiting.connection)
        guard waiting.claims != nil || waiting.isPersistent || waiting.connect.will != nil || hub.hasAnonymousSessions
        else {
            establish(serial, LoadedState(), io: &io)
            return
        }
        guard arrivals.mayLoad(serial) else { return }
        connecting[serial]?.isBusy = true
        Task { [hub, index] in
            let state = await hub.load(waiting)
            hub.mailroom.post(.loaded(claimant, state), to: index)
        }
    }

    mutating func loaded(_ claimant: Claimant, _ state: LoadedState, io: inout Connections) {
        if let next = arrivals.loaded(where: { connecting[$0] != nil }) { load(next, io: &io) }
        let serial = claimant.claim.serial
        guard let waiting = connecting[serial] else { return }
        connecting[serial]?.isBusy = false
        if waiting.isAbandoned {
            if let will = state.will { endWill(will, of: waiting) }
            finishAbandoned(serial, opened: state.session)
            return
        }
        switch state.failure {
        case .unavailable: refuseWaiting(serial, .serverUnavailable, text: "the database is away", io: &io)
        case .notAuthorized: refuseWaiting(serial, .notAuthorized, text: "the log-in session is over", io: &io)
        case .otherUserName:
            refuseWaiting(serial, .badUserNameOrPassword, text: "the user name is not the token's", io: &io)
        case .tooManySessions:
            refuseWaiting(serial, .quotaExceeded, text: "the user has too many sessions", io: &io)
        case .willRefused(let refusal):
            refuseWaiting(serial, refusal.code, text: "the will is refused: \(refusal.name)", io: &io)
        case nil: establish(serial, state, io: &io)
        }
    }

    // MARK: CONNACK

    private mutating func establish(_ serial: UInt64, _ state: LoadedState, io: inout Connections) {
        guard let waiting = connecting[serial] else { return }
        connecting[serial] = nil
        let session = makeSession(waiting, state, now: io.now)
        clients[Int(waiting.connection.slot)] = .connected(session)
        io.admit(waiting.connection.slot)
        if waiting.user >= 0, let rights = state.rights { applyLoaded(rights, to: waiting.user, io: &io) }
        restore(state.session, session, now: io.now)
        guard sendConnack(waiting, session, isPresent: state.session?.isPresent ?? false, io: &io) else { return }
        io.setDeadline(
            waiting.connection.slot,
            at: sessions[Int(session)].keepAliveMilliseconds > 0
                ? io.now + sessions[Int(session)].keepAliveMilliseconds : 0)
        io.resumeReading(waiting.connection.slot)
        setPresence(.online, of: session)
        repeatReleases(session, io: &io)
        pump(session, io: &io)
    }

    private mutating func makeSession(_ waiting: Connecting, _ state: LoadedState, now: Int64) -> Int32 {
        var session = Session(
            key: waiting.key, claim: waiting.claim, generation: nextGeneration, connection: waiting.connection,
            connect: waiting.connect, rules: AccessRules(waiting.claims, clientID: waiting.key.clientID))
        nextGeneration = nextGeneration % 0xF_FFFF + 1
        session.user = waiting.user
        session.allowance = waiting.claims.flatMap { hub.allowances.allowance(of: $0.userID, now: now) }
        session.hasAuthenticationMethod = waiting.connect.authenticationMethod != nil
        session.adopt(waiting.claims)
        session.connectedAt = hub.services.wallMilliseconds()
        if let seconds = serverKeepAliveSeconds(waiting.connect, isAnonymous: waiting.claims == nil) {
            session.keepAliveMilliseconds = Int64(seconds) * 1500
        }
        session.storedID = state.session?.stored.id ?? 0
        session.expirySeconds = waiting.sessionSeconds
        session.will = state.will
        let place: Int32
        if let free = freeSessions.popLast() {
            place = free
            sessions[Int(place)] = session
        } else {
            place = Int32(sessions.count)
            sessions.append(session)
        }
        sessionBySerial[waiting.claim.serial] = place
        if waiting.user >= 0 { users[Int(waiting.user)].sessions.append(place) }
        return place
    }

    /// - Returns: false if the client can't take it, which ends the connection.
    private mutating func sendConnack(
        _ waiting: Connecting, _ session: Int32, isPresent: Bool, io: inout Connections
    ) -> Bool {
        var properties = ConnackProperties()
        properties.receiveMaximum = Limits.receiveMaximum
        properties.packetBytesMax = UInt32(Limits.packetBytesMax)
        properties.topicAliasMaximum = UInt16(Limits.topicAliasMaximum)
        properties.authenticationMethod = waiting.connect.authenticationMethod
        if waiting.connect.clientID.isEmpty { properties.assignedClientID = waiting.key.clientID }
        let expiry = sessions[Int(session)].expirySeconds
        if expiry != waiting.connect.sessionExpirySeconds { properties.sessionExpirySeconds = expiry }
        addWishes(waiting, session, to: &properties)
        let packetBytesMax = waiting.connect.packetBytesMax, slot = waiting.connection.slot
        guard
            writeConnack(
                waiting.connect.version, sessionPresent: isPresent, .success, properties,
                packetBytesMax: packetBytesMax)
        else {
            sendRefusal(
                waiting.connect.version, .packetTooLarge, text: "", packetBytesMax: packetBytesMax, to: slot, io: &io)
            // It was never connected, so its will is not for anybody.
            endSession(session, isClean: true)
            return false
        }
        io.append(scratch.span, to: slot)
        return true
    }
}
