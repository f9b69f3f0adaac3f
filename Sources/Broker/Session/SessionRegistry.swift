import Synchronization

/// Which reactor serves which session: the one thing about sessions that all threads share. Asked once per CONNECT.
package final class SessionRegistry: Sendable {
    /// One CONNECT's hold on a session; `serial` tells successive ones of the same key apart.
    package struct Claim: Sendable, Equatable {
        var shard: Int
        var serial: UInt64
    }

    private struct State {
        var owners: [SessionKey: Claim] = [:]
        var nextSerial: UInt64 = 1
    }

    private let state = Mutex(State())

    package init() {}

    /// Takes the session over.
    /// - Returns: the new claim, and the one that held the session until now and has to let go of it first.
    func claim(_ key: SessionKey, shard: Int) -> (claim: Claim, previous: Claim?) {
        state.withLock { state in
            let claim = Claim(shard: shard, serial: state.nextSerial)
            state.nextSerial += 1
            return (claim, state.owners.updateValue(claim, forKey: key))
        }
    }

    /// Claims that were ever made.
    var claimsCount: UInt64 { state.withLock { $0.nextSerial - 1 } }

    /// Gives a session up, unless somebody else has claimed it meanwhile.
    func release(_ key: SessionKey, _ claim: Claim) {
        state.withLock { state in
            if state.owners[key] == claim { state.owners[key] = nil }
        }
    }
}
