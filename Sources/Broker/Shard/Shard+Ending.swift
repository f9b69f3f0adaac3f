import Identity
import MQTT
import Transport

// Clients that have to go, whatever they are doing. One that connects at the same moment may have been read as welcome just before.
extension Shard {
    private static var sessionIsOver: String { "the log-in session is over, or the token was revoked" }
    private static var accountIsClosed: String { "the account is closed, or its log-ins were ended" }

    /// - Parameter id: of a log-in session, or of a bot's token.
    mutating func endSessions(ofLogin id: Int64, io: inout Connections) {
        for session in sessions.indices where sessions[session].revocableID == id && isLive(Int32(session)) {
            disconnect(Int32(session), .notAuthorized, text: Self.sessionIsOver, io: &io)
        }
        refuseConnecting(where: { $0.revocableID == id }, text: Self.sessionIsOver, io: &io)
    }

    /// Also those whose tokens belong to no log-in session.
    mutating func endSessions(ofUser id: Int64, io: inout Connections) {
        for session in sessions.indices where sessions[session].key.userID == id && isLive(Int32(session)) {
            disconnect(Int32(session), .notAuthorized, text: Self.accountIsClosed, io: &io)
        }
        refuseConnecting(where: { $0.userID == id }, text: Self.accountIsClosed, io: &io)
    }

    private mutating func refuseConnecting(where matches: (Claims) -> Bool, text: String, io: inout Connections) {
        let waiting = connecting.values.filter { $0.claims.map(matches) ?? false && !$0.isAbandoned }
        for client in waiting { refuseWaiting(client.claim.serial, .notAuthorized, text: text, io: &io) }
    }

    mutating func endExpiredTokens(io: inout Connections) {
        let now = hub.services.wallMilliseconds() / 1000
        for session in sessions.indices where sessions[session].tokenExpiresAt != 0 {
            guard isLive(Int32(session)), sessions[session].tokenExpiresAt <= now else { continue }
            disconnect(Int32(session), .notAuthorized, text: "the token has expired", io: &io)
        }
    }

    mutating func stop(io: inout Connections) {
        guard !isStopping else { return }
        isStopping = true
        for session in sessions.indices where isLive(Int32(session)) {
            disconnect(Int32(session), .serverShuttingDown, io: &io)
        }
        for serial in connecting.keys {
            refuseWaiting(serial, .serverUnavailable, text: "the server is shutting down", io: &io)
        }
        refuseResolving(io: &io)
        hub.stoppedShards.add(1, ordering: .releasing)
    }
}
