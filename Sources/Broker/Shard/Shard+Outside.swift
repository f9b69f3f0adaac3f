import Identity
import MQTT
import Persistence
import Transport

// Users of outside issuers: sessions are a user's, so their CONNECT goes on when the user is known.
extension Shard {
    /// The client waits in `resolving`.
    func resolve(_ id: ConnectionID, _ token: VerifiedToken) {
        Task { [hub, index] in
            let claims = await hub.claims(of: token)
            hub.mailroom.post(.resolved(id, claims), to: index)
        }
    }

    /// - Parameter claims: nil: the database is away.
    mutating func resolved(_ id: ConnectionID, _ claims: Claims?, io: inout Connections) {
        guard let client = resolving[id.slot], client.connection == id else { return }
        resolving[id.slot] = nil
        do throws(ProtocolError) {
            guard let claims else { throw refusal(.serverUnavailable, "the database is away", client.connect.version) }
            try begin(id, client.connect, claims, io: &io)
        } catch {
            refuseConnect(id, error, packetBytesMax: client.connect.packetBytesMax, io: &io)
        }
    }

    /// The hub stops.
    mutating func refuseResolving(io: inout Connections) {
        for client in resolving.values {
            let error = refusal(.serverUnavailable, "the server is shutting down", client.connect.version)
            refuseConnect(client.connection, error, packetBytesMax: client.connect.packetBytesMax, io: &io)
        }
        resolving = [:]
    }
}

/// What became of a token that AUTH brought.
package enum Reauthentication: Sendable {
    case admitted(Claims)
    case refused(StaticString)
    /// The database is away.
    case unavailable
}

extension Hub {
    /// The claims of a CONNECT's token; nil: the database is away.
    func claims(of token: VerifiedToken) async -> Claims? {
        do {
            return try await services.outsiders.claims(of: token)
        } catch {
            services.logger.warning("the user of a token could not be looked up: \(error)")
            return nil
        }
    }

    /// Whether a token may replace the one of a user's live connection, which has this will.
    func reauthenticate(_ token: VerifiedToken, as userID: Int64, _ will: KeptWill?) async -> Reauthentication {
        do {
            guard let claims = try await services.outsiders.existingClaims(of: token), claims.userID == userID else {
                return .refused("the token is another user's")
            }
            guard try await isEnabled(claims) else { return .refused("the account is disabled") }
            return try await admit(claims, will) ? .admitted(claims) : .refused("the log-in session is over")
        } catch {
            services.logger.warning("a token could not be looked up: \(error)")
            return .unavailable
        }
    }

    /// Log-in sessions end with their account; only a token without one must ask.
    private func isEnabled(_ claims: Claims) async throws(DatabaseError) -> Bool {
        guard claims.sessionID == nil else { return true }
        return try await services.rights.loadRights(userID: claims.userID)?.isEnabled ?? false
    }
}
