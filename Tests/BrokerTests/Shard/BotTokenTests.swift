import MQTT
import Persistence
import Testing

@testable import Broker

/// Long-lived tokens of bots open a connection while they are good, and their revocation ends it (protocol.md §3, guarantee 6).
@Suite(.serialized) struct BotTokenTests {
    private func connect(_ hub: TestHub, token id: Int64, client: String, version: ProtocolVersion = .v5) throws
        -> TestClient
    {
        let token = TestHub.authority.mint(
            userID: 1, sessionID: nil, botTokenID: id, scopes: .bot, now: hub.clock.milliseconds / 1000)
        let made = try TestClient(port: hub.ports[0], version: version)
        try made.sendConnect(user: nil, id: client) {
            $0.username = []
            $0.password = Array(token.utf8)
        }
        return made
    }

    @Test func aGoodOneUntilItIsRevoked() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.botTokens.withLock { $0 = [70, 71] }
            let first = try connect(hub, token: 70, client: "a"), second = try connect(hub, token: 71, client: "b")
            for client in [first, second] { try checkEqual(try client.receiveConnack(), .success) }
            hub.rights.botTokens.withLock { $0 = [71] }
            hub.mailroom.sessionRevoked(70)
            try checkEqual(try first.receiveDisconnect(), .notAuthorized)
            try second.expectNothing()
            try checkEqual(try connect(hub, token: 70, client: "a").receiveConnack(), .notAuthorized)
        }
    }

    @Test func revokedWhileItConnects() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.botTokens.withLock { $0 = [70] }
            hub.rights.loads.close()
            let client = try connect(hub, token: 70, client: "a")
            try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
            hub.mailroom.sessionRevoked(70)
            try checkEqual(try client.receiveConnack(), .notAuthorized)
            hub.rights.loads.open()
        }
    }
}
