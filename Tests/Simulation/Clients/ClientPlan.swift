import MQTT
import Topics

/// What a client is and does in a run.
struct ClientPlan {
    var user: Int64
    var version: ProtocolVersion
    var isPersistent: Bool
    var receiveMaximum: Int
    var keepAliveSeconds: UInt16
    var targets: [Client.Target] = []
    var wanted: [Client.Wanted] = []

    private static let plainTopics = ["a/b", "a/c", "d"]

    init(_ random: inout Random) {
        user = random.happens(250) ? 0 : Int64(random.number(in: 1...4))
        version = random.happens(500) ? .v5 : .v3_1_1
        isPersistent = random.happens(700)
        receiveMaximum = version == .v5 ? random.pick([65_535, 1, 2, 5]) : 65_535
        keepAliveSeconds = user == 0 ? 60 : random.pick([0, 0, 60])
        let isPublisher = random.happens(700)
        if isPublisher { addTargets(&random) }
        if !isPublisher || random.happens(500) { addFilters(&random) }
    }

    private mutating func addTargets(_ random: inout Random) {
        let qos: QoS = random.pick([.atLeastOnce, .exactlyOnce])
        var possible = Self.plainTopics.map { Client.Target(topic: $0, isStored: false, qos: qos) }
        if user > 0 {
            possible.append(Client.Target(topic: "group/10", isStored: true, qos: qos))
            possible.append(Client.Target(topic: "group/11", isStored: true, qos: qos, isVolatile: true))
            possible.append(Client.Target(topic: "group/10", isStored: true, qos: qos))
        }
        if user == 1 || user == 2 {
            possible.append(Client.Target(topic: "direct/1/2", isStored: true, qos: qos, isVolatile: true))
        }
        for _ in 0..<random.number(in: 1...3) { targets.append(random.pick(possible)) }
    }

    private mutating func addFilters(_ random: inout Random) {
        let qos: QoS = random.pick([.atLeastOnce, .exactlyOnce])
        var possible = [["a/+"], ["a/b"], ["d"], ["a/b", "d"], ["#"], ["a/#", "a/b"]]
        if user > 0 {
            possible += [["group/+"], ["group/10"], ["group/+", "inbox/\(user)"], ["group/#", "a/+"], ["#"]]
        }
        if user == 1 || user == 2 { possible += [["direct/1/2", "group/+"], ["direct/+/+"]] }
        for filter in random.pick(possible) {
            guard let filter = try? TopicFilter(validating: Array(filter.utf8)) else { preconditionFailure(filter) }
            wanted.append(Client.Wanted(filter: filter, qos: qos))
        }
    }
}
