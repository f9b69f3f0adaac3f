import MQTT
import Persistence
import Transport

// A user's devices: what is connected, and the end of what is not wanted any more.
extension Shard {
    /// Clients of this user that are connected here.
    func devices(of user: Int64) -> [LiveDevice] {
        guard let index = userIndex[user] else { return [] }
        return users[Int(index)].sessions.map { place in
            let session = sessions[Int(place)]
            return LiveDevice(
                clientID: session.key.clientID, connectedAt: session.connectedAt,
                protocolVersion: session.version.name, subscriptionsCount: session.subscriptions.count,
                isPersistent: session.isPersistent, loginSessionID: session.loginSessionID)
        }
    }

    /// Its rows are gone: a client that has the session loses its connection, and with the session's end its will is due.
    /// - Returns: whether there was one.
    mutating func forgetDevice(_ key: SessionKey, io: inout Connections) -> Bool {
        guard let user = userIndex[key.userID] else { return false }
        var isThere = false
        for session in users[Int(user)].sessions where sessions[Int(session)].key == key {
            isThere = true
            sessions[Int(session)].expirySeconds = 0
            disconnect(session, .administrativeAction, text: Self.isForgotten, io: &io)
        }
        for client in connecting.values where client.key == key && !client.isAbandoned {
            isThere = true
            // What was made for it in the meantime goes, too.
            connecting[client.claim.serial]?.connect.sessionExpirySeconds = 0
            connecting[client.claim.serial]?.isForgotten = true
            refuseWaiting(client.claim.serial, .administrativeAction, text: Self.isForgotten, io: &io)
        }
        return isThere
    }

    private static var isForgotten: String { "the user has removed this device" }
}

extension Hub {
    package func liveDevices(of user: Int64) async -> [LiveDevice] {
        await ask { .describeDevices(user: user, $0) }.flatMap { $0 }
    }

    /// Ends a session of a user: first its rows, so that whoever connects meanwhile begins a new one, then its connection.
    /// - Returns: false if there is no such session.
    package func forgetDevice(_ clientID: [UInt8], of user: Int64) async throws(DatabaseError) -> Bool {
        let wasStored = try await services.sessions.forget(user: user, clientID: clientID)
        let key = SessionKey(userID: user, clientID: clientID)
        let wasLive = await ask { .forgetDevice(key, $0) }.contains(true)
        try await endDelays(ofUser: user)
        return wasStored || wasLive
    }
}
