import MQTT
import Testing
import Transport

@testable import Broker

/// Many clients that come at once have their turns.
@Suite(.serialized) struct ArrivalTests {
    @Test func whoComesTooLateWaitsForATurn() async throws {
        try await onThread {
            let hub = try TestHub()
            let count = Limits.clientsLoadingMax + 10
            for user in 1...Int64(count) { hub.rights.set(user) }
            hub.rights.loads.close()
            let clients = try (1...Int64(count)).map { user in
                let client = try TestClient(port: hub.ports[0])
                try client.sendConnect(user: user, id: "c")
                return client
            }
            try waitUntil("as many as may are asked for") {
                hub.rights.loads.waitingCount == Limits.clientsLoadingMax
                    && hub.hub.registry.claimsCount == UInt64(count)
            }
            // Two that wait, and don't any more: one gives up, one is told to go.
            clients[count - 1].abort()
            hub.mailroom.userEnded(Int64(count - 1))
            try checkEqual(try clients[count - 2].receiveConnack(), .notAuthorized)
            try checkEqual(hub.rights.loads.waitingCount, Limits.clientsLoadingMax)
            hub.rights.loads.open()
            for client in clients[..<(count - 2)] { try checkEqual(try client.receiveConnack(), .success) }
            let next = try TestClient(hub, shard: 0, user: Int64(count), id: "c")
            try next.expectNothing()
        }
    }

    @Test func aTurnVerifiesSomeTokens() {
        var arrivals = Arrivals()
        let ids = (0..<2 * Int32(Limits.verificationsPerTurn)).map { ConnectionID(slot: $0, generation: 1) }
        #expect(ids.filter { arrivals.mayVerify($0) } == ids.dropLast(Limits.verificationsPerTurn))
        #expect(arrivals.nextUnverified() == nil && arrivals.turnEnded())
        let late = ConnectionID(slot: 99, generation: 1)
        let isAtOnce = arrivals.mayVerify(late)
        #expect(!isAtOnce, "others wait longer")
        var next: [ConnectionID] = []
        while let id = arrivals.nextUnverified() { next.append(id) }
        #expect(next == Array(ids.suffix(Limits.verificationsPerTurn)))
        #expect(arrivals.turnEnded() && arrivals.nextUnverified() == late && !arrivals.turnEnded())
    }
}
