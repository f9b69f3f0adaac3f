import MQTT
import Testing

@testable import Broker

/// A publisher that cannot be told "not now" gets no answer, and sends again from there (protocol.md §3).
@Suite(.serialized) struct BlockedPublisherTests {
    /// Messages of one client are numbered in the order in which it sent them: what is held behind the one that will come again must not
    /// get into the log before it.
    @Test func nothingIsPublishedBehindTheBlock() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(70)])
            hub.rights.set(2)
            let client = try TestClient(hub, user: 1, version: .v3_1_1, isClean: false)
            let other = try TestClient(hub, user: 2, id: "other", version: .v3_1_1, isClean: false)
            hub.log.hold()
            try client.publish("group/70", "first", qos: .exactlyOnce)
            try waitUntil("it waits for its commit") { hub.log.heldCount == 1 }
            hub.sessions.stateSaves.close()
            try client.publish("group/70", "second", qos: .exactlyOnce)
            try waitUntil("its session is being saved") { hub.sessions.stateSaves.waitingCount == 1 }
            for held in hub.log.takeHeld() { hub.log.refuse(held, .unavailable) }
            try hub.settle()
            // Its session is saved after the other one.
            try other.publish("a", "x", qos: .exactlyOnce)
            hub.sessions.stateSaves.open()
            guard case .pubrec = try other.next() else { throw CheckFailure(description: "no PUBREC") }
            try checkEqual(hub.log.heldCount, 0)
        }
    }
}
