import Identity
import MQTT
import Transport

// Connections whose right to be here is over. A client that connects at the same moment may have been read as welcome just before.
extension Shard {
    private static var sessionIsOver: String { "the log-in session is over" }
    private static var accountIsClosed: String { "the account is closed, or its log-ins were ended" }

    mutating func endSessions(ofLogin id: Int64, io: inout Connections) {
        for session in sessions.indices where sessions[session].loginSessionID == id && isLive(Int32(session)) {
            disconnect(Int32(session), .notAuthorized, text: Self.sessionIsOver, io: &io)
        }
        refuseConnecting(where: { $0.sessionID == id }, text: Self.sessionIsOver, io: &io)
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
}
