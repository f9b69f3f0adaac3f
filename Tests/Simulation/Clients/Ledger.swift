import MQTT
import Topics

@testable import Persistence

/// Every message that clients publish, and what has become of it.
final class Ledger: @unchecked Sendable {
    struct Message {
        var client: Int
        var isVersion5: Bool
        var topic: String
        var isStored: Bool
        var qos: QoS
        /// Places among all that its client sent: of its first sending as a new message, and of its last.
        var firstSent: Int
        var lastSent: Int
        var sendsCount = 1
        /// The hub has said that it is stored.
        var isAcknowledged = false
        /// The hub has said no for good, or may have done so where the protocol has no word for it.
        var isRefused = false
        /// Sent as QoS 2 by a session that goes on: it is published once.
        var isExactlyOnce = false
    }

    private let world: World
    private let database: SimulatedDatabase
    private(set) var messages: [Message] = []
    private var sent = 0
    private var refusalsCount: UInt64 = 0

    init(_ world: World, _ database: SimulatedDatabase) {
        self.world = world
        self.database = database
    }

    var count: Int { messages.count }

    // MARK: Publishing

    func add(
        client: Int, isVersion5: Bool, topic: String, isStored: Bool, qos: QoS, isExactlyOnce: Bool
    ) -> Int {
        sent += 1
        messages.append(
            Message(
                client: client, isVersion5: isVersion5, topic: topic, isStored: isStored, qos: qos, firstSent: sent,
                lastSent: sent, isExactlyOnce: isExactlyOnce))
        return messages.count - 1
    }

    /// The client sends it as a new message: after a refusal, or since its session is gone.
    func sendAnew(_ message: Int) {
        sent += 1
        messages[message].lastSent = sent
        messages[message].sendsCount += 1
        messages[message].isExactlyOnce = false
    }

    func sendAgain(_ message: Int) { messages[message].sendsCount += 1 }

    /// The hub could not store something, and says so in whatever way: what comes after it may be stored before it.
    /// - Parameter isSaid: in MQTT 5 only, where there is a word for it; a client of 3.1.1 loses its connection before more is stored.
    func forgiveOrder(isSaid: Bool) {
        for index in messages.indices where !messages[index].isAcknowledged {
            guard !isSaid || messages[index].isVersion5 else { continue }
            messages[index].lastSent = .max
            // Whoever does not get the answer sends it again, and what was refused may have been stored all the same.
            messages[index].isExactlyOnce = false
        }
    }

    /// Who has no right now and does not hear of it sends again, maybe with the right, what then stands behind later messages.
    func noteRefusals(_ count: UInt64) {
        guard count != refusalsCount else { return }
        refusalsCount = count
        for index in messages.indices where !messages[index].isAcknowledged { messages[index].lastSent = .max }
    }

    func acknowledge(_ message: Int) { messages[message].isAcknowledged = true }

    func refuse(_ message: Int) { messages[message].isRefused = true }

    /// As its publisher sends it.
    func payload(_ message: Int) -> [UInt8] {
        messages[message].isStored
            ? Array("{\"text\":\"m\(message)\",\"client_ref\":\"m\(message)\"}".utf8) : Array("m\(message)".utf8)
    }

    /// The message in the payload of a plain topic.
    func message(in payload: [UInt8]) -> Int? {
        guard payload.first == UInt8(ascii: "m") else { return nil }
        let number = Int(String(decoding: payload.dropFirst(), as: UTF8.self))
        return number.flatMap { messages.indices.contains($0) ? $0 : nil }
    }

    /// The message that an entry of a stored topic is; nil: it is the hub's own, or from outside.
    private func message(of entry: LogEntry) -> Int? {
        let beginning = Array(",\"client_ref\":\"m".utf8)
        guard entry.suffix.starts(with: beginning) else { return nil }
        let digits = entry.suffix.dropFirst(beginning.count).prefix { $0 != UInt8(ascii: "\"") }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    // MARK: Checks

    /// What stored topics must hold in the end: no gap, every acknowledged message once, and each client's in its order.
    func check() {
        var found = [Int](repeating: 0, count: messages.count)
        for log in database.tables.logs.values {
            if case .filterLog = log.topic.address { continue }
            world.expect(
                log.entries.map(\.seq) == (0..<log.lastSeq).map { $0 + 1 }, "a log with gaps: \(log.topic)")
            var earliest: [Int: (message: Int, sent: Int)] = [:]
            for entry in log.entries.reversed() {
                guard let number = message(of: entry) else { continue }
                let message = messages[number]
                found[number] += 1
                if let later = earliest[message.client], message.firstSent > later.sent {
                    world.fail("m\(number) is numbered before m\(later.message), which was sent before it")
                }
                if message.lastSent < earliest[message.client]?.sent ?? .max {
                    earliest[message.client] = (number, message.lastSent)
                }
            }
        }
        for (number, message) in messages.enumerated() where message.isStored {
            world.expect(found[number] <= 1, "m\(number) is stored \(found[number]) times")
            world.expect(
                !message.isAcknowledged || message.isRefused || found[number] == 1,
                "m\(number) is acknowledged and not stored")
        }
    }
}
