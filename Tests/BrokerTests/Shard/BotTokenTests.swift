import MQTT
import Persistence
import Testing

@testable import Broker

/// Long-lived tokens of bots open a connection while they are good, and their revocation ends it (protocol.md §3, guarantee 6).
@Suite(.serialized) struct BotTokenTests {
    private func token(_ id: Int64, _ hub: TestHub) -> [UInt8] {
        Array(
            TestHub.authority.mint(
                userID: 1, sessionID: nil, botTokenID: id, scopes: .bot, now: hub.clock.milliseconds / 1000
            ).utf8)
    }

    private func connect(_ hub: TestHub, token id: Int64, client: String) throws -> TestClient {
        let made = try TestClient(port: hub.ports[0])
        try made.sendConnect(user: nil, id: client) {
            $0.authenticationMethod = Array("JWT".utf8)
            $0.authenticationData = token(id, hub)
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

    /// It was good when it was looked up, and is not when the connection takes it over.
    @Test func revokedWhileItReplacesAnother() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.botTokens.withLock { $0 = [70, 71] }
            let client = try connect(hub, token: 70, client: "a")
            try checkEqual(try client.receiveConnack(), .success)
            hub.rights.admissions.close()
            try client.sendAuth(token: token(71, hub))
            try waitUntil("it is looked up") { hub.rights.admissions.waitingCount == 1 }
            hub.rights.botTokens.withLock { $0 = [70] }
            hub.mailroom.sessionRevoked(71)
            try hub.settle()
            hub.rights.admissions.open()
            guard case .auth = try client.next() else { throw CheckFailure(description: "no AUTH") }
            try checkEqual(try client.receiveDisconnect(), .notAuthorized)
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
