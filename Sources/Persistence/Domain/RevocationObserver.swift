/// Hears of log-in sessions that ended, so that whoever holds live connections of theirs closes them (protocol.md §3, guarantee 6).
package protocol RevocationObserver: Sendable {
    /// Called after the commit.
    func sessionRevoked(_ sessionID: Int64)
    /// All connections of this user end, also those whose tokens belong to no session. Called after the commit.
    func userEnded(_ userID: Int64)
}
