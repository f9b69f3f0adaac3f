import Synchronization

/// Which reactor serves which session: the one thing about sessions that all threads share. Asked once per CONNECT.
package final class SessionRegistry: Sendable {
    /// One CONNECT's hold on a session; `serial` tells successive ones of the same key apart.
    package struct Claim: Sendable, Equatable {
        var shard: Int
        var serial: UInt64
    }

    /// There are as many connections as there may be.
    enum Full: Error {
        case ofUser, ofAll
    }

    private struct State {
        var owners: [SessionKey: Claim] = [:]
        /// Of users who have any; counted only if there is a limit.
        var countByUser: [Int64: Int] = [:]
        var nextSerial: UInt64 = 1
    }

    private let perUserMax: Int?
    private let connectionsMax: Int?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - perUserMax: connections of one user, clients without credentials excepted; nil: without limit.
    ///   - connectionsMax: of all.
    package init(perUserMax: Int? = nil, connectionsMax: Int? = nil) {
        self.perUserMax = perUserMax
        self.connectionsMax = connectionsMax
    }

    /// Takes the session over. Whoever takes over is no further connection, so that finds room always.
    /// - Returns: the new claim, and the one that held the session until now and has to let go of it first.
    func claim(_ key: SessionKey, shard: Int) throws(Full) -> (claim: Claim, previous: Claim?) {
        try state.withLock { state throws(Full) in
            if state.owners[key] == nil { try admit(key.userID, &state) }
            let claim = Claim(shard: shard, serial: state.nextSerial)
            state.nextSerial += 1
            return (claim, state.owners.updateValue(claim, forKey: key))
        }
    }

    /// Claims that were ever made.
    var claimsCount: UInt64 { state.withLock { $0.nextSerial - 1 } }

    /// Sessions that somebody has.
    var connectionsCount: Int { state.withLock { $0.owners.count } }

    /// Of the sessions of a user that somebody has. Looks at all sessions.
    func clientIDs(ofUser userID: Int64) -> [[UInt8]] {
        state.withLock { $0.owners.keys.filter { $0.userID == userID }.map(\.clientID) }
    }

    /// Gives a session up, unless somebody else has claimed it meanwhile.
    func release(_ key: SessionKey, _ claim: Claim) {
        state.withLock { state in
            guard state.owners[key] == claim else { return }
            state.owners[key] = nil
            guard let count = state.countByUser[key.userID] else { return }
            state.countByUser[key.userID] = count > 1 ? count - 1 : nil
        }
    }

    /// Counts one connection more.
    private func admit(_ userID: Int64, _ state: inout State) throws(Full) {
        if let connectionsMax, state.owners.count >= connectionsMax { throw .ofAll }
        guard let perUserMax, userID != 0 else { return }
        let count = state.countByUser[userID, default: 0]
        guard count < perUserMax else { throw .ofUser }
        state.countByUser[userID] = count + 1
    }
}
