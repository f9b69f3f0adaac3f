import Broker
import JSON
import Persistence
import Testing

@testable import RestBridge

/// Devices: what is connected and what is stored, as one list.
struct DeviceRouteTests {
    private func live(_ id: String, isPersistent: Bool = false) -> LiveDevice {
        LiveDevice(
            clientID: Array(id.utf8), connectedAt: 1_800_000_000_000, protocolVersion: "5.0", subscriptionsCount: 2,
            isPersistent: isPersistent, loginSessionID: 7)
    }

    @Test func theList() async throws {
        let hub = try await TestHub.shared, person = try await hub.person()
        let store = SessionStore(hub.context.database)
        for id in ["away", "here"] {
            _ = try await store.create(id: hub.context.ids.next(), user: Int64(person.id)!, clientID: Array(id.utf8))
        }
        let away = try #require(try await store.load(user: Int64(person.id)!, clientID: Array("away".utf8)))
        let filter = StoredSubscription(filter: Array("group/+".utf8), options: 1, identifier: 0)
        try await store.save([filter], of: away.id)
        try await store.leave(away.id, expirySeconds: 60)
        hub.devices.set([live("here", isPersistent: true), live("brief/ü")], of: person.id)

        let items = await person.call("GET", "/devices").items
        #expect(items.map { $0["client_id"]?.string } == ["away", "brief/ü", "here"])
        #expect(items.map { $0["connected"]?.bool } == [false, true, true])
        #expect(items.map { $0["persistent"]?.bool } == [true, false, true])
        #expect(items.map { $0["subscriptions"]?.int64 } == [1, 2, 2])
        #expect(items.map { $0["protocol"]?.string } == [nil, "5.0", "5.0"])
        #expect(items.map { $0["session_id"]?.string } == [nil, "7", "7"])
        #expect(items.map { $0["created_at"] == nil } == [false, true, false])
        #expect(items.map { $0["expires_at"] == nil } == [false, true, true])
        #expect(items.allSatisfy { $0["last_seen_at"]?.string != nil })

        let first = await person.call("GET", "/devices?limit=2")
        #expect(first.items.count == 2)
        let second = await person.call("GET", try #require(first["next"]?.string))
        #expect(second.items.map { $0["client_id"]?.string } == ["here"] && second["next"] == nil)
        #expect(try await hub.person().call("GET", "/devices").items.isEmpty)
    }

    @Test func forget() async throws {
        let hub = try await TestHub.shared, people = try await hub.people(2)
        hub.devices.set([live("a/b c"), live("other")], of: people[0].id)
        #expect(await people[1].call("DELETE", "/devices/a%2Fb%20c").status == 404)
        #expect(await people[0].call("DELETE", "/devices/a%2Fb%20c").status == 204)
        #expect(await people[0].call("DELETE", "/devices/a%2Fb%20c").status == 404)
        #expect(await people[0].call("GET", "/devices").items.map { $0["client_id"]?.string } == ["other"])
        #expect(await people[0].call("GET", "/devices?cursor=%2B").fields == ["cursor"])
    }
}
