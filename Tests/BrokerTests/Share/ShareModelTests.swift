import MQTT
import Testing

@testable import Broker

/// A group and members that take, refuse, acknowledge, come and go at random, with mail under way in both directions. The model is a list
/// of what was offered and who acknowledged it.
struct ShareModelTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }
    }

    private enum Mail {
        case settled(Int64)
        case refused(SharedMessage, isTracked: Bool, ShareRefusal)
        case reopened(Int)
        case detach
        case join(QoS)
        case leave([Int64])
    }

    /// A session as its shard knows it, and both ways between it and the home.
    private struct Member {
        var qos: QoS
        let window: Int
        var isSubscribed = true
        var hasLeft = false
        var obstacle: ShareRefusal?
        /// By number: sent, without acknowledgement.
        var sent: [Int64: QoS] = [:]
        var toMember: [(shared: SharedMessage, isTracked: Bool)] = []
        var toHome: [Mail] = []
    }

    private struct World {
        var random: Generator
        var group = ShareGroup()
        var members: [Member] = []
        /// By number from 1: how often it was acknowledged, or given at QoS 0.
        var received: [Int] = [0]
        var qosOf: [QoS] = [.atMostOnce]
        var lostExactlyOnce: Set<Int64> = []
        var dropped = 0
        /// Of those from a log, which are every third.
        var settled: Set<Int64> = []

        func id(_ member: Int) -> ShareMember { ShareMember(shard: member % 3, session: UInt64(member)) }

        mutating func perform(_ actions: [ShareGroup.Action]) {
            for action in actions {
                switch action {
                case .deliver(let shared, let id, let isTracked):
                    members[Int(id.session)].toMember.append((shared, isTracked))
                case .drop(let messages), .takeBack(let messages): dropped += messages.count
                case .settle(let shared): settled.insert(shared.number)
                }
            }
        }

        mutating func join() {
            let qos = QoS(rawValue: .random(in: 0...2, using: &random))!
            members.append(Member(qos: qos, window: .random(in: 1...4, using: &random)))
            members[members.count - 1].toHome.append(.join(qos))
        }

        mutating func offer() {
            let qos = QoS(rawValue: .random(in: 1...2, using: &random))!
            received.append(0)
            qosOf.append(qos)
            let number = Int64(received.count - 1)
            perform(
                group.offer(
                    SharedMessage(
                        number: number,
                        message: PlainMessage(topic: [1], payload: [], qos: qos, retain: false, forwarded: []),
                        entry: number % 3 == 0 ? SharedMessage.Entry(topicID: 1, seq: number) : nil)))
        }

        /// The member's shard hears of a message.
        mutating func arrive(_ member: Int) {
            guard !members[member].toMember.isEmpty else { return }
            let (shared, isTracked) = members[member].toMember.removeFirst()
            let qos = isTracked ? QoS.lower(shared.message.qos, members[member].qos) : .atMostOnce
            func refuse(_ reason: ShareRefusal) {
                members[member].toHome.append(.refused(shared, isTracked: isTracked, reason))
            }
            if members[member].hasLeft || !members[member].isSubscribed {
                refuse(.gone)
            } else if member > 0, shared.number % 5 == Int64(member % 5) {
                // The first member takes everything.
                refuse(.unfit)
            } else if Int.random(in: 0..<8, using: &random) == 0 {
                members[member].obstacle = .congested
                refuse(.congested)
            } else if qos == .atMostOnce {
                received[Int(shared.number)] += 1
                if isTracked { members[member].toHome.append(.settled(shared.number)) }
            } else if members[member].sent.count >= members[member].window {
                members[member].obstacle = .noWindow
                refuse(.noWindow)
            } else {
                members[member].sent[shared.number] = qos
            }
        }

        mutating func acknowledge(_ member: Int) {
            guard let number = members[member].sent.keys.min(), !members[member].hasLeft else { return }
            members[member].sent[number] = nil
            received[Int(number)] += 1
            members[member].toHome.append(.settled(number))
            reopen(member)
        }

        mutating func reopen(_ member: Int) {
            guard members[member].obstacle != nil, members[member].isSubscribed,
                members[member].sent.count < members[member].window
            else { return }
            members[member].obstacle = nil
            members[member].toHome.append(.reopened(members[member].window - members[member].sent.count))
        }

        /// The home hears from a member.
        mutating func hear(_ member: Int) {
            guard !members[member].toHome.isEmpty else { return }
            let id = id(member)
            switch members[member].toHome.removeFirst() {
            case .settled(let number): perform(group.settled(id, number))
            case .refused(let shared, let isTracked, let reason):
                perform(group.refused(shared, by: id, isTracked: isTracked, reason))
            case .reopened(let room): perform(group.reopened(id, room: room))
            case .detach: perform(group.detach(id))
            case .join(let qos): perform(group.join(id, qos: qos, limit: 3))
            case .leave(let numbers): perform(group.leave(id, exactlyOnce: numbers))
            }
        }

        /// Unsubscribes or subscribes again.
        mutating func toggle(_ member: Int) {
            guard member > 0, !members[member].hasLeft else { return }
            members[member].obstacle = nil
            members[member].isSubscribed.toggle()
            if members[member].isSubscribed {
                members[member].qos = QoS(rawValue: .random(in: 0...2, using: &random))!
                members[member].toHome.append(.join(members[member].qos))
            } else {
                members[member].toHome.append(.detach)
            }
        }

        mutating func leave(_ member: Int) {
            guard member > 0, !members[member].hasLeft else { return }
            members[member].hasLeft = true
            let exactlyOnce = members[member].sent.filter { $0.value == .exactlyOnce }.map(\.key)
            lostExactlyOnce.formUnion(exactlyOnce)
            members[member].sent = [:]
            members[member].toHome.append(.leave(exactlyOnce))
        }

        mutating func step() {
            let member = Int.random(in: 0..<members.count, using: &random)
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<25: offer()
            case 25..<50: arrive(member)
            case 50..<75: hear(member)
            case 75..<90: acknowledge(member)
            case 90..<95: reopen(member)
            case 95..<97: toggle(member)
            case 97..<98: leave(member)
            default: if members.count < 40 { join() }
            }
        }

        /// Nothing is under way any more, and all has been acknowledged.
        mutating func settle() {
            for _ in 0..<100_000 {
                var isIdle = true
                for member in members.indices {
                    let own = members[member]
                    if own.toMember.isEmpty, own.toHome.isEmpty, own.sent.isEmpty, own.obstacle == nil { continue }
                    isIdle = own.hasLeft && own.toMember.isEmpty && own.toHome.isEmpty && isIdle
                    arrive(member)
                    hear(member)
                    acknowledge(member)
                    reopen(member)
                }
                if isIdle { return }
            }
            Issue.record("it does not come to rest")
        }
    }

    @Test(arguments: 0..<60) func everyMessageOnceAmongMembers(_ seed: Int) {
        var world = World(random: Generator(state: UInt64(seed)))
        world.join()
        world.hear(0)
        for _ in 0..<2_000 { world.step() }
        world.settle()
        for number in 1..<world.received.count {
            let isLost = world.lostExactlyOnce.contains(Int64(number))
            #expect(world.received[number] == (isLost ? 0 : 1), "message \(number) at \(world.qosOf[number])")
            #expect(world.settled.contains(Int64(number)) == (number % 3 == 0), "message \(number)")
        }
        #expect(world.dropped == 0 && world.group.heldBytes == 0)
        for member in world.members.indices {
            world.leave(member)
            world.hear(member)
        }
        world.perform(world.group.leave(world.id(0), exactlyOnce: []))
        #expect(world.group.isEmpty && world.dropped == 0)
    }
}
