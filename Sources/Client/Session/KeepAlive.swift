/// Finds out by PINGREQ whether the server is still there (MQTT 5 §3.1.2.10).
struct KeepAlive {
    enum Action: Equatable {
        case none
        case ping
        case lost
    }

    /// How long an answer to PINGREQ may take.
    static let answerMilliseconds: Int64 = 10_000

    /// 0: never.
    private let milliseconds: Int64
    private var sentAt: Int64
    private var receivedAt: Int64
    private var pingedAt: Int64?

    init(seconds: UInt16, now: Int64) {
        milliseconds = Int64(seconds) * 1000
        sentAt = now
        receivedAt = now
    }

    mutating func sent(now: Int64) { sentAt = now }

    mutating func received(now: Int64) {
        receivedAt = now
        pingedAt = nil
    }

    /// Silence in one direction is enough: a server that no longer answers publishes is as lost as one that is not asked.
    mutating func tick(now: Int64) -> Action {
        guard milliseconds > 0 else { return .none }
        if let pingedAt { return now - pingedAt >= Self.answerMilliseconds ? .lost : .none }
        // Before the time is over, since what is sent takes a while to arrive.
        guard now - min(sentAt, receivedAt) >= milliseconds * 3 / 4 else { return .none }
        pingedAt = now
        return .ping
    }
}
