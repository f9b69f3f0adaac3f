import Broker
import Persistence

/// What is connected, and the end of it.
package protocol DeviceSource: Sendable {
    func liveDevices(of user: Int64) async -> [LiveDevice]
    /// Ends a session, with its connection, subscriptions and what waits for it; its will is sent.
    /// - Returns: false if there is no such session.
    func forgetDevice(_ clientID: [UInt8], of user: Int64) async throws(DatabaseError) -> Bool
}

extension Hub: DeviceSource {}
