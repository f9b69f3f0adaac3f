import MQTT
import Transport

// Clients that have to go, whatever they are doing.
extension Shard {
    mutating func endSessions(ofLogin id: Int64, io: inout Connections) {
        for session in sessions.indices where sessions[session].loginSessionID == id && isLive(Int32(session)) {
            disconnect(Int32(session), .notAuthorized, text: "the log-in session is over", io: &io)
        }
        // It may have been read as live just before.
        let waiting = connecting.values.filter { $0.claims?.sessionID == id && !$0.isAbandoned }
        for client in waiting {
            refuseWaiting(client.claim.serial, .notAuthorized, text: "the log-in session is over", io: &io)
        }
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
        hub.stoppedShards.add(1, ordering: .releasing)
    }
}
