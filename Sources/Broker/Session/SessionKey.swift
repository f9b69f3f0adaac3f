/// Sessions are kept per user and client id: another user's same client id is another session (security.md "Sessions").
package struct SessionKey: Hashable, Sendable {
    /// 0: not signed in (`--anonymous`).
    package var userID: Int64
    package var clientID: [UInt8]

    package init(userID: Int64, clientID: [UInt8]) {
        self.userID = userID
        self.clientID = clientID
    }
}
