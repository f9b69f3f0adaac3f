import Identity
import MQTT
import Persistence
import Topics
import Transport

// Who a client is: the access token as password, or as data of the MQTT 5 method `JWT`, which can replace it on the live connection.
extension Shard {
    private static var method: [UInt8] { Array("JWT".utf8) }

    /// A CONNECT's token; nil for a client without credentials, where that is allowed.
    func token(of connect: borrowing Connect) throws(ProtocolError) -> [UInt8]? {
        let version = connect.version
        if let method = connect.authenticationMethod {
            guard method == Self.method else {
                throw refusal(.badAuthenticationMethod, "the only authentication method is JWT", version)
            }
            return connect.authenticationData ?? []
        }
        if let password = connect.password { return password }
        if hub.settings.allowsAnonymous && connect.username == nil { return nil }
        let reason = connect.username == nil ? ReasonCode.notAuthorized : .badUserNameOrPassword
        throw refusal(reason, "an access token is needed as password", version)
    }

    /// What a CONNECT's token says.
    func verify(
        _ token: [UInt8], of connect: borrowing Connect, from peer: PeerAddress, now: Int64
    ) throws(ProtocolError) -> VerifiedToken {
        let version = connect.version
        do throws(TokenError) {
            return try hub.services.tokens.verify(token, now: hub.services.wallMilliseconds() / 1000)
        } catch {
            // One that has expired was good: who brings it does not guess.
            guard error == .expired || hub.connectThrottle.countFailure(connect.username, from: peer, now: now) else {
                throw refusal(.connectionRateExceeded, "too many failed attempts", version)
            }
            switch error {
            case .malformed: throw refusal(.badUserNameOrPassword, "the password is not an access token", version)
            case .invalid: throw refusal(.notAuthorized, "the token is not valid here", version)
            case .expired: throw refusal(.notAuthorized, "the token has expired", version)
            }
        }
    }

    /// A user name that is no number is compared with the account's when its rights are loaded.
    func checkUserName(_ connect: borrowing Connect, _ claims: Claims) throws(ProtocolError) {
        guard let username = connect.username, let id = Int64(String(decoding: username, as: UTF8.self)),
            id != claims.userID, !claims.isNamedOutside(username)
        else { return }
        throw refusal(.badUserNameOrPassword, "the user name is not the token's", connect.version)
    }

    // MARK: AUTH

    /// AUTH with reason 0x19 brings a new token (MQTT 5 §4.12.1). Until it is admitted the old one's rights go on.
    mutating func receive(_ auth: Auth, from session: Int32, io: inout Connections) throws(ProtocolError) {
        guard sessions[Int(session)].hasAuthenticationMethod else {
            throw ProtocolError(.protocolError, "no authentication method was agreed on")
        }
        guard auth.method == Self.method else {
            throw ProtocolError(.protocolError, "the authentication method can't change")  // [MQTT-4.12.1-1]
        }
        guard auth.reason == .reauthenticate else {
            throw ProtocolError(.protocolError, "there is nothing to continue")
        }
        let verified: VerifiedToken
        do throws(TokenError) {
            verified = try hub.services.tokens.verify(auth.data ?? [], now: hub.services.wallMilliseconds() / 1000)
        } catch {
            throw ProtocolError(.notAuthorized, "the token is not valid here, or has expired")
        }
        let token = sessionToken(session), will = sessions[Int(session)].will
        let userID = sessions[Int(session)].key.userID
        sessions[Int(session)].authenticationsCount += 1
        pauseIfAsking(session, io: &io)
        Task { [hub, index] in
            let outcome = await hub.reauthenticate(verified, as: userID, will)
            hub.mailroom.post(.reauthenticated(session: token, outcome), to: index)
        }
    }

    mutating func reauthenticated(_ token: UInt64, _ outcome: Reauthentication, io: inout Connections) {
        guard let session = session(of: token) else { return }
        sessions[Int(session)].authenticationsCount -= 1
        switch outcome {
        case .admitted(let claims):
            adopt(claims, session, io: &io)
            recheck(claims)
            resumeReading(session, io: &io)
        case .refused(let reason): disconnect(session, .notAuthorized, text: "\(reason)", io: &io)
        case .unavailable: disconnect(session, .serverBusy, text: "the database is away", io: &io)
        }
    }

    /// Whoever revoked the token after it was admitted, and before this shard knew of it, has told the shard in vain.
    private func recheck(_ claims: Claims) {
        guard let id = claims.revocableID else { return }
        Task { [hub, index] in
            guard (try? await hub.isAdmitted(claims)) == false else { return }
            hub.mailroom.post(.loginSessionRevoked(id), to: index)
        }
    }

    /// From now on the session has this token's rights.
    private mutating func adopt(_ claims: Claims, _ session: Int32, io: inout Connections) {
        let place = Int(session)
        sessions[place].adopt(claims)
        sessions[place].rules = AccessRules(claims, clientID: sessions[place].key.clientID)
        // Routes know what the session may receive: they are found anew after the index has changed.
        for subscribed in sessions[place].subscriptions { insert(subscribed, of: session) }
        addMissingLogs(session)
        withdrawQueued(session)
        sessions[place].route = Route()
        var properties: [UInt8] = []
        properties.appendProperty(.authenticationMethod, bytes: Self.method.span)
        scratch.removeAll(keepingCapacity: true)
        ServerPacket.encodeAuth(into: &scratch, reason: .success, properties: properties)
        io.append(scratch.span, to: sessions[place].slot)
    }
}

extension AccessRules {
    /// Of a token; without one (`--anonymous`) every plain topic is open.
    init(_ claims: Claims?, clientID: [UInt8]) {
        guard let claims else {
            self = .everything
            return
        }
        self.init(claims.acl ?? AccessList(), userID: claims.userID, clientID: clientID)
    }

    package init(_ acl: AccessList, userID: Int64, clientID: [UInt8]) {
        self.init(
            publish: acl.publish, subscribe: acl.subscribe, all: acl.all, deny: acl.deny, userID: userID,
            clientID: clientID)
    }
}

extension Claims {
    /// Whether an outside issuer calls the user so.
    func isNamedOutside(_ name: [UInt8]) -> Bool { outsideName.map { Array($0.utf8) == name } ?? false }
}

extension Session {
    /// From now on the connection belongs to this token's log-in session, or lives no longer than the token itself.
    mutating func adopt(_ claims: Claims?) {
        revocableID = claims?.revocableID
        mayReadSystem = claims?.scopes.contains(.admin) ?? false
        opensReserved = claims.map { $0.scopes.contains(.service) && $0.acl != nil } ?? false
        tokenExpiresAt = claims.map { $0.sessionID == nil ? $0.expiresAt : 0 } ?? 0
    }
}
