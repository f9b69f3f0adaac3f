/// The end of a message's life (MQTT 5 §3.3.2.3.3): what is delivered later carries what is left of it [MQTT-3.3.2-6], and nothing is
/// delivered after it [MQTT-3.3.2-5].
struct Expiry {
    /// What a delivery carries now; nil: the message does not expire.
    var seconds: UInt32?
    /// Unix milliseconds; 0: never.
    var expiresAt: Int64

    static let none = Expiry(seconds: nil, expiresAt: 0)

    private init(seconds: UInt32?, expiresAt: Int64) {
        self.seconds = seconds
        self.expiresAt = expiresAt
    }

    /// Of a message that comes now, with the interval that its publisher gave it.
    init(seconds: UInt32?, now: @autoclosure () -> Int64) {
        self.seconds = seconds
        expiresAt = seconds.map { now() + Int64($0) * 1000 } ?? 0
    }

    /// Of a message that another shard hands over at once; nil: it is over. A second of MQTT is not over before it has ended, so that an
    /// interval of 0, which is for those who can take a message at once, holds for those on other shards too.
    init?(handedOver expiresAt: Int64, now: @autoclosure () -> Int64) {
        self.init(expiresAt, secondsMin: 0, now: now())
    }

    /// Of a message that may have waited; nil: it is over.
    init?(waited expiresAt: Int64, now: @autoclosure () -> Int64) {
        self.init(expiresAt, secondsMin: 1, now: now())
    }

    private init?(_ expiresAt: Int64, secondsMin: Int64, now: @autoclosure () -> Int64) {
        guard expiresAt != 0 else {
            self = .none
            return
        }
        let left = Self.secondsLeft(until: expiresAt, now: now())
        guard left >= secondsMin else { return nil }
        self.init(seconds: UInt32(clamping: left), expiresAt: expiresAt)
    }

    /// Rounded up: a message that has just come keeps its value. 0 or less: it is over.
    static func secondsLeft(until expiresAt: Int64, now: Int64) -> Int64 {
        let left = expiresAt - now
        return left > 0 ? (left + 999) / 1000 : left / 1000
    }
}
