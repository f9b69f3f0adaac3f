import MQTT

/// A connected client, as its user sees it.
package struct LiveDevice: Sendable, Equatable {
    package var clientID: [UInt8]
    /// Unix milliseconds.
    package var connectedAt: Int64
    /// `3.1`, `3.1.1` or `5.0`.
    package var protocolVersion: String
    package var subscriptionsCount: Int
    /// The session outlives the connection.
    package var isPersistent: Bool
    /// Of the log-in session whose token opened it; nil: there is none.
    package var loginSessionID: Int64?

    package init(
        clientID: [UInt8], connectedAt: Int64, protocolVersion: String, subscriptionsCount: Int, isPersistent: Bool,
        loginSessionID: Int64?
    ) {
        self.clientID = clientID
        self.connectedAt = connectedAt
        self.protocolVersion = protocolVersion
        self.subscriptionsCount = subscriptionsCount
        self.isPersistent = isPersistent
        self.loginSessionID = loginSessionID
    }
}

extension ProtocolVersion {
    /// As people call it.
    var name: String {
        switch self {
        case .v3_1: "3.1"
        case .v3_1_1: "3.1.1"
        case .v5: "5.0"
        }
    }
}
