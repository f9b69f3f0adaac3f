import Persistence

/// Publishes of the hub's own that wait until they are kept. They have tokens as those of sessions have, of a generation that no session
/// has.
struct Errands {
    private struct Errand {
        var waits: Int
        var isKept: Bool
        var then: @Sendable (Bool) -> Void
    }

    /// Bits of a token below a session's generation.
    private static let tokenBits = 44
    private var running: [UInt64: Errand] = [:]
    private var lastToken: UInt64 = 0

    /// - Returns: the token under which so many outcomes are to be reported.
    mutating func begin(waits: Int, _ then: @escaping @Sendable (Bool) -> Void) -> UInt64 {
        precondition(waits > 0)
        lastToken = (lastToken + 1) & (1 << Self.tokenBits - 1)
        if lastToken == 0 { lastToken = 1 }
        running[lastToken] = Errand(waits: waits, isKept: true, then: then)
        return lastToken
    }

    /// - Returns: false: the token is a session's.
    mutating func report(_ token: UInt64, _ outcome: AppendOutcome) -> Bool {
        guard token >> Self.tokenBits == 0 else { return false }
        guard var errand = running[token] else { return true }
        errand.waits -= 1
        // A log that is gone has nobody who wants the message.
        if case .unavailable = outcome { errand.isKept = false }
        running[token] = errand.waits > 0 ? errand : nil
        if errand.waits == 0 { errand.then(errand.isKept) }
        return true
    }
}
