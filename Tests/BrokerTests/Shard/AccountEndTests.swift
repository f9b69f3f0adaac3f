import MQTT
import Persistence
import Testing

@testable import Broker

/// The end of an account closes all connections of its user (protocol.md §3, guarantee 6).
@Suite(.serialized) struct AccountEndTests {
    @Test func everyConnectionOfTheUserEnds() async throws {
        try await onThread {
            let hub = try TestHub(shards: 2)
            hub.rights.set(1)
            hub.rights.set(2)
            let own = try TestClient(hub, shard: 0, user: 1, id: "a", loginSession: 5)
            let other = try TestClient(hub, shard: 1, user: 1, id: "b")
            let stranger = try TestClient(hub, shard: 1, user: 2)
            hub.mailroom.userEnded(1)
            for client in [own, other] { try checkEqual(try client.receiveDisconnect(), .notAuthorized) }
            try stranger.expectNothing()
        }
    }

    @Test func alsoOneThatIsConnecting() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1)
            hub.rights.loads.close()
            let client = try TestClient(port: hub.ports[0])
            try client.sendConnect(user: 1, id: "c")
            try waitUntil("the rights are read") { hub.rights.loads.waitingCount == 1 }
            hub.mailroom.userEnded(1)
            try checkEqual(try client.receiveConnack(), .notAuthorized)
            hub.rights.loads.open()
        }
    }
}
