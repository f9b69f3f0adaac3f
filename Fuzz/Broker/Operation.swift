import FuzzSupport
import MQTT
import Persistence
import ShardSupport
import Topics

@testable import Broker

/// What an input can ask for: the lower five bits of a byte are a place in this list, or behind its end. So a new operation at the end leaves
/// older inputs their meaning.
enum Operation: UInt8, CaseIterable {
    case open, connect, raw, publish, subscribe, unsubscribe, answerOldest, answer, ping, disconnect, end, reset, read
    case advance, commit, commitSilently, announceLate, refuse, change, runJob, deliverMail, settle, trim

    init(_ byte: UInt8) { self = Operation(rawValue: byte & 31) ?? .settle }
}

extension Machine {
    /// Performs the operation that comes next in the input.
    mutating func step(_ input: inout FuzzInput) {
        let operation = Operation(input.byte())
        trace("-- \(operation)")
        switch operation {
        case .open: open(Int(input.byte() & 3))
        case .connect:
            let peer = Int(input.byte() & 3)
            open(peer)
            receive(Packets.connect(&input), from: peer)
        case .raw:
            let peer = Int(input.byte() & 3), count = Int(input.byte())
            receive(input.bytes(count), from: peer)
        case .publish, .subscribe, .unsubscribe, .answer, .ping, .disconnect:
            let peer = Int(input.byte() & 3)
            guard let version = peers[peer].connect?.version else { return }
            receive(Packets.packet(operation, &input, version), from: peer)
        case .answerOldest:
            let peer = Int(input.byte() & 3)
            guard let version = peers[peer].connect?.version, let oldest = peers[peer].unanswered.first else { return }
            receive(Packets.answer(oldest.qos, oldest.packetID, version, isWhole: input.byte() & 1 == 0), from: peer)
        case .end: end(Int(input.byte() & 3))
        case .reset: reset(Int(input.byte() & 3))
        case .read:
            let choice = input.byte()
            setReading(Int(choice & 3), choice & 4 == 0)
        case .advance:
            let steps: [Int64] = [250, 2_000, 5_000, 11_000, 60_000, 700_000]
            advance(milliseconds: steps[Int(input.byte()) % steps.count])
        case .commit: commit(Int(input.byte() % 4) + 1)
        case .commitSilently: commit(1, isAnnounced: false)
        case .announceLate: announceLate(Int(input.byte() & 3))
        case .refuse: refuseAll()
        case .change: changeRights(input.byte())
        case .runJob: if Jobs.count > 0 { Jobs.run(Int(input.byte()) % Jobs.count) }
        case .deliverMail: deliverMail(1)
        case .settle: settle()
        case .trim: world.trim(Int(input.byte()), to: Int64(input.byte() & 15))
        }
        turn()
    }

    /// What is under way is done, but for what waits for the log.
    mutating func settle() {
        for _ in 0..<4 where Jobs.count > 0 || mailCount > 0 {
            for _ in 0..<Jobs.count { Jobs.run(0) }
            deliverMail()
            turn()
        }
    }

    private mutating func changeRights(_ choice: UInt8) {
        let group = World.topics[Int(choice & 1)], user = Int64(choice >> 1 & 1) + 1
        let (members, areFriends) = world.state.withLock { ($0.members[group.id], $0.areFriends) }
        switch choice >> 2 & 7 {
        case 0 where members != nil && members?[user] == nil:
            let isOn = world.state.withLock { $0.announcements.contains(group.id) }
            change(group, .memberAdded(user: user, role: .member, announcement: isOn))
        case 1 where members?[user] != nil: change(group, .memberRemoved(user: user))
        case 2 where members?[user] != nil: change(group, .roleChanged(user: user, role: .admin))
        case 3 where members != nil: change(group, .announcementChanged(choice & 2 == 0))
        case 4 where members != nil: change(group, .groupEnded)
        case 5:
            let end = world.state.withLock { $0.ends[World.direct.id] ?? 0 }
            for one in [Int64(1), 2] {
                let inbox = StoredTopic.testInbox(one)
                change(
                    inbox,
                    areFriends
                        ? .friendRemoved(friend: 3 - one)
                        : .friendAdded(friend: 3 - one, topicID: World.direct.id, lastSeq: end))
            }
        case 6: change(.testInbox(user), nil)
        case 7 where members != nil: change(group, nil)
        default: break
        }
    }
}
