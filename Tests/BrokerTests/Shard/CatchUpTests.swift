import MQTT
import Persistence
import Testing
import Topics

@testable import Broker

/// Sessions that read the log since they missed what was delivered.
@Suite struct CatchUpTests {
    private static let groups: Range<Int64> = 100..<140

    /// Many topics that moved a little cost a few questions, not one each.
    @Test func manyTopicsAreReadAtOnce() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: Self.groups.map { TestRights.group($0, lastSeq: 3) })
            for group in Self.groups { for number in 1...3 { _ = hub.log.store(.testGroup(group), "\(number)") } }
            let reader = try TestClient(hub, user: 1, isClean: false, expirySeconds: 3600)
            try reader.subscribe("group/+", properties: Self.groups.map { UserProperty("after", "group/\($0)=1") })
            var received: [String: [Int64]] = [:]
            for _ in 0..<2 * Self.groups.count {
                let delivery = try reader.receive()
                received[delivery.topic, default: []].append(delivery.seq)
                try reader.acknowledge(delivery.packetID)
            }
            try checkEqual(received.count, Self.groups.count)
            try check(received.values.allSatisfy { $0 == [2, 3] }, "\(received)")
            try checkEqual(hub.log.readLimits, [80])
        }
    }

    /// No more is asked for than a read brings and the window takes, over all topics.
    @Test(arguments: [(UInt16(7), 7), (1000, 100)])
    func readsAreBounded(receiveMaximum: UInt16, limit: Int) async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: Self.groups.map { TestRights.group($0, lastSeq: 9) })
            for group in Self.groups { for number in 1...9 { _ = hub.log.store(.testGroup(group), "\(number)") } }
            let reader = try TestClient(hub, user: 1, receiveMaximum: receiveMaximum)
            try reader.subscribe("group/+", properties: Self.groups.map { UserProperty("after", "group/\($0)=0") })
            var received: [String: [Int64]] = [:]
            for _ in 0..<9 * Self.groups.count {
                let delivery = try reader.receive()
                received[delivery.topic, default: []].append(delivery.seq)
                try reader.acknowledge(delivery.packetID)
            }
            try check(received.values.allSatisfy { $0 == Array(1...9) }, "\(received)")
            try checkEqual(hub.log.readLimits[0], limit)
            try check(hub.log.readLimits.allSatisfy { $0 <= limit }, "\(hub.log.readLimits)")
        }
    }

    /// What was committed after the question is not what the answer says is missing.
    @Test func nothingThatCameMeanwhileIsSkipped() async throws {
        try await onThread {
            let hub = try TestHub()
            hub.rights.set(1, groups: [TestRights.group(70, lastSeq: 5)])
            for number in 1...5 { _ = hub.log.store(.testGroup(70), "\(number)") }
            hub.log.remove(.testGroup(70), upTo: 5)
            hub.log.reads.close()
            let reader = try TestClient(hub, user: 1)
            try reader.subscribe("group/70", properties: [UserProperty("after", "0")])
            try waitUntil("it reads") { hub.log.reads.waitingCount == 1 }
            for number in 6...7 { hub.log.announce(hub.log.store(.testGroup(70), "\(number)")) }
            try hub.settle()
            hub.log.reads.open()
            // Before them the notice that there were others.
            try checkEqual(try reader.receiveSeqs(3), [0, 6, 7])
        }
    }
}
