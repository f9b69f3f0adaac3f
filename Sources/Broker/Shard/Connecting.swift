import Identity
import MQTT
import Persistence
import Topics
import Transport

/// A client whose CONNECT is accepted as far as it goes, and who waits: for the session to be let go of elsewhere, then for its rights
/// and its durable state.
struct Connecting {
    var connection: ConnectionID
    var connect: Connect
    var key: SessionKey
    var claim: SessionRegistry.Claim
    /// nil: anonymous.
    var claims: Claims?
    var user: Int32 = -1
    /// The connection is gone, or a later client has taken the session over: it is only passed on.
    var isAbandoned = false
    /// CONNACK has told it so.
    var isRefused = false
    /// What is waited for still runs; until it has ended the session can't be passed on.
    var isBusy = false
    /// The user has removed this device: nobody goes on with its session.
    var isForgotten = false
    /// Who gets the session next.
    var successor: Claimant?

    /// 3.x keeps an unclean session; 5 says how long.
    var isPersistent: Bool { connect.sessionExpirySeconds > 0 }

    /// The session's expiry.
    var sessionSeconds: UInt32 { min(connect.sessionExpirySeconds, Limits.sessionExpirySecondsMax) }

    /// Whether the user name, if there is one, is the token's user.
    func isNamed(_ rights: UserRights) -> Bool {
        let name = connect.username ?? []
        return name.isEmpty || name == Array(String(rights.userID).utf8) || name == Array(rights.username.utf8)
            || claims?.isNamedOutside(name) ?? false
    }
}
