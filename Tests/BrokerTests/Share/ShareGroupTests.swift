import MQTT
import Testing

@testable import Broker

/// A group, driven by words. Members are `a`, `b`, …; messages are numbered as they are offered, live or (`log`) from a log. What it does
/// reads `a1` (message 1 goes to a, which has to acknowledge it), `a1~` (which has not to), `drop`, `back 1`, `settled 1`.
private struct Script {
    var group = ShareGroup()
    private var deliveries: [String: SharedMessage] = [:]
    private var offered: Int64 = 0

    static func member(_ name: Substring) -> ShareMember {
        ShareMember(shard: 0, session: UInt64(name.utf8.first!))
    }

    static func message(qos: Int, bytes: Int = 1) -> PlainMessage {
        PlainMessage(
            topic: [1], payload: [UInt8](repeating: 0, count: bytes), qos: QoS(rawValue: UInt8(qos))!, retain: false,
            forwarded: [])
    }

    mutating func run(_ line: String) -> String {
        let words = line.split(separator: " ")
        let member = Self.member(words[1])
        let numbers = words.dropFirst(2).map { Int($0) ?? 0 }
        switch words[0] {
        case "join": return note(group.join(member, qos: QoS(rawValue: UInt8(numbers[0]))!, limit: numbers[1]))
        case "offer":
            return note(group.offer(next(Self.message(qos: Int(words[1])!, bytes: numbers.first ?? 1)), mayWait: true))
        case "offer-full": return note(group.offer(next(Self.message(qos: Int(words[1])!)), mayWait: false))
        case "log": return note(group.offer(next(Self.message(qos: Int(words[1])!), isLogged: true)))
        case "late":
            return note(group.offer(SharedMessage(number: Int64(words[1])!, message: Self.message(qos: 1))))
        case "done": return note(group.settled(member, Int64(numbers[0])))
        case "detach": return note(group.detach(member))
        case "leave": return note(group.leave(member, exactlyOnce: numbers.map { Int64($0) }))
        case "reopen": return note(group.reopened(member, room: numbers[0]))
        case "gone": return refuse(words, .gone)
        case "congested": return refuse(words, .congested)
        case "window": return refuse(words, .noWindow)
        case "unfit": return refuse(words, .unfit)
        default: preconditionFailure(line)
        }
    }

    private mutating func next(_ message: PlainMessage, isLogged: Bool = false) -> SharedMessage {
        offered += 1
        return SharedMessage(
            number: offered, message: message,
            entry: isLogged ? SharedMessage.Entry(topicID: 1, seq: offered) : nil)
    }

    private mutating func refuse(_ words: [Substring], _ reason: ShareRefusal) -> String {
        let isTracked = !words[2].hasSuffix("~")
        let shared = deliveries["\(words[1])\(words[2])"]!
        return note(group.refused(shared, by: Self.member(words[1]), isTracked: isTracked, reason))
    }

    private mutating func note(_ actions: [ShareGroup.Action]) -> String {
        var said: [String] = []
        for action in actions {
            switch action {
            case .deliver(let shared, let member, let isTracked):
                let name = String(UnicodeScalar(UInt8(member.session)))
                said.append("\(name)\(shared.number)\(isTracked ? "" : "~")")
                deliveries[said.last!] = shared
            case .drop(let messages): said += messages.map { _ in "drop" }
            case .takeBack(let messages): said += ["back"] + messages.map(\.number).sorted().map { "\($0)" }
            case .settle(let shared): said.append("settled \(shared.number)")
            }
        }
        return said.joined(separator: " ")
    }
}

struct ShareGroupTests {
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        /// Each step: what happens, `:`, what the group does.
        var steps: [String]
    }

    @Test(
        arguments: [
            Case(
                testDescription: "members take turns",
                steps: [
                    "join a 1 9:", "join b 1 9:", "join c 1 9:", "offer 1:a1", "offer 1:b2", "offer 0:c3~",
                    "offer 1:a4",
                ]),
            Case(testDescription: "without members nothing is kept", steps: ["offer 1:back 1", "offer 0:drop"]),
            Case(
                testDescription: "who is full is passed over, and what nobody can take waits",
                steps: [
                    "join a 1 1:", "join b 1 2:", "offer 1:a1", "offer 1:b2", "offer 1:b3", "offer 1:", "offer 0:a5~",
                    "done b 3:b4", "done a 1:", "offer 1:a6",
                ]),
            Case(
                testDescription: "the same filter again changes the options of one member",
                steps: ["join a 0 9:", "join b 1 9:", "join a 1 9:", "offer 1:a1", "offer 1:b2", "offer 1:a3"]),
            Case(
                testDescription: "the lower QoS counts",
                steps: [
                    "join a 0 1:", "offer 2:a1~", "offer 2:a2~", "join b 2 1:", "offer 2:a3~", "offer 2:b4",
                    "offer 2:a5~",
                ]),
            Case(
                testDescription: "what a lost member had goes first, in order",
                steps: [
                    "join a 1 2:", "join b 1 1:", "offer 1:a1", "offer 1:b2", "offer 1:a3", "offer 1:", "leave a:",
                    "done b 2:b1", "done b 1:b3", "done b 3:b4",
                ]),
            Case(
                testDescription: "[MQTT-4.8.2-5] but not what it was sent at QoS 2",
                steps: ["join a 2 9:", "offer 2:a1", "offer 2:a2", "offer 1:a3", "join b 2 9:", "leave a 1:b2 b3"]),
            Case(
                testDescription: "[MQTT-3.10.4-3] who unsubscribes keeps what it was sent",
                steps: [
                    "join a 1 9:", "join b 1 9:", "offer 1:a1", "offer 1:b2", "detach a:", "offer 1:b3", "done a 1:",
                    "leave a:", "leave b:back 2 3",
                ]),
            Case(
                testDescription: "until its connection ends",
                steps: ["join a 1 9:", "join b 1 9:", "offer 1:a1", "detach a:", "leave a:b1"]),
            Case(
                testDescription: "who comes back in between is the same member",
                steps: ["join a 1 1:", "offer 1:a1", "detach a:", "join a 1 1:", "offer 1:", "done a 1:a2"]),
            Case(
                testDescription: "with the last subscription goes what waits",
                steps: [
                    "join a 1 1:", "offer 1:a1", "offer 1:", "offer 1:", "detach a:back 2 3", "offer 1:back 4",
                    "done a 1:",
                ]),
            Case(
                testDescription: "with the last connection too",
                steps: ["join a 1 1:", "offer 1:a1", "offer 1:", "leave a:back 1 back 2"]),
            Case(
                testDescription: "a congested member gets nothing until it reads",
                steps: [
                    "join a 1 9:", "join b 1 9:", "offer 1:a1", "congested a 1:b1", "offer 1:b2", "offer 0:b3~",
                    "congested b 3~:drop", "offer 1:", "reopen a 5:a4",
                ]),
            Case(
                testDescription: "one without a window still gets QoS 0",
                steps: [
                    "join a 1 9:", "offer 1:a1", "window a 1:", "offer 0:a2~", "offer 1:", "reopen a 1:a1",
                    "done a 1:a3",
                ]),
            Case(
                testDescription: "its limit is the room that it has, and grows again",
                steps: [
                    "join a 1 3:", "offer 1:a1", "offer 1:a2", "window a 2:", "offer 1:", "offer 1:", "reopen a 0:",
                    "done a 1:a2 a3", "done a 2:a4 ", "offer 1:a5",
                ]),
            Case(
                testDescription: "who can never take a message is not asked again for it",
                steps: [
                    "join a 1 9:", "join b 1 1:", "offer 1:a1", "offer 1:b2", "unfit a 1:", "offer 1:a3", "offer 0:b4~",
                    "unfit b 4~:a4~", "unfit a 4~:drop", "done b 2:b1", "unfit b 1:drop",
                ]),
            Case(
                testDescription: "and nobody waits for one that nobody can take",
                steps: ["join a 1 9:", "join b 1 1:", "offer 1:a1", "offer 1:b2", "unfit a 1:", "leave b:drop a2"]),
            Case(
                testDescription: "a refusal that comes after the member's end is known already",
                steps: ["join a 1 9:", "join b 1 9:", "offer 1:a1", "leave a:b1", "gone a 1:"]),
            Case(
                testDescription: "except at QoS 0, of which nobody kept it",
                steps: ["join a 0 9:", "join b 1 9:", "offer 1:a1~", "leave a:", "gone a 1~:b1"]),
            Case(
                testDescription: "large messages fill a member before its limit does",
                steps: [
                    "join a 1 9:", "offer 1 2000000:a1", "offer 1 1:", "done a 1:a2", "offer 1 600000:a3",
                    "offer 1 600000:", "done a 2:", "done a 3:a4",
                ]),
            Case(
                testDescription: "a shard that holds too much keeps no more",
                steps: ["join a 1 9:", "offer-full 1:drop", "offer-full 0:a2~"]),
            Case(
                testDescription: "what comes from a log is tracked at all members until it is done with",
                steps: [
                    "join a 1 2:", "join b 0 2:", "log 1:a1", "log 2:b2", "log 1:a3", "log 1:b4", "log 1:",
                    "done b 2:settled 2 b5", "done a 3:settled 3", "done a 1:settled 1",
                ]),
            Case(
                testDescription: "what nobody can take is done with, too",
                steps: ["join a 1 9:", "log 1:a1", "unfit a 1:drop"]),
            Case(
                testDescription: "QoS 2 of a log is settled with its member, the rest is taken back",
                steps: [
                    "join a 2 3:", "log 2:a1", "log 1:a2", "log 1:a3", "log 1:", "leave a 1:settled 1 back 2 3 back 4",
                ]),
            Case(
                testDescription: "what was handed over late goes before the log",
                steps: [
                    "join a 1 1:", "log 1:a1", "log 1:", "log 1:", "late -9:", "late -8:", "done a 1:settled 1 a-9",
                    "done a -9:a-8", "done a -8:a2",
                ]),
        ])
    func steps(_ one: Case) {
        var script = Script()
        for step in one.steps {
            let parts = step.split(separator: ":", omittingEmptySubsequences: false)
            let done = script.run(String(parts[0]))
            #expect(done == parts[1].trimmed, "\(step)")
        }
    }

    /// Too many wait: the newest are lost.
    @Test func waitingIsBounded() {
        var group = ShareGroup()
        let member = ShareMember(shard: 0, session: 1)
        _ = group.join(member, qos: .atLeastOnce, limit: 1)
        for number in 0...(Limits.shareWaitingMax + 5) {
            let actions = group.offer(SharedMessage(number: Int64(number), message: Script.message(qos: 1)))
            #expect(actions.count == (number == 0 || number > Limits.shareWaitingMax ? 1 : 0))
        }
        _ = group.leave(member, exactlyOnce: [])
        #expect(group.isEmpty && group.heldBytes == 0)
    }
}

extension Substring {
    fileprivate var trimmed: String { String(self.last == " " ? self.dropLast() : self) }
}
