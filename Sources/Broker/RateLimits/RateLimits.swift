/// How much of what may be done in what time (protocol.md §5, security.md), and how many may be connected: what `--limits` sets.
package struct RateLimits: Sendable, Equatable {
    /// So many in so much time, and so many at once: a bucket of `burst` tokens that fills up by `count` in `seconds`, evenly.
    package struct Rate: Sendable, Equatable {
        package let count: Int64
        package let seconds: Int64
        package let burst: Int64

        /// A hundred microseconds apart: that time is counted in whole microseconds changes no rate by more than a hundredth.
        static let perSecondMax: Int64 = 10_000
        /// A month. A whole bucket of it still fits into 63 bits of microseconds.
        static let secondsMax: Int64 = 31 * 86_400
        static let burstMax: Int64 = 1_000_000

        /// - Parameter burst: `count`, unless given.
        package init(_ count: Int64, seconds: Int64, burst: Int64? = nil) {
            precondition(1...Self.secondsMax ~= seconds && count >= 1 && count <= seconds * Self.perSecondMax)
            precondition(1...Self.burstMax ~= burst ?? count)
            self.count = count
            self.seconds = seconds
            self.burst = burst ?? count
        }

        /// One token comes back in so many microseconds.
        package var intervalMicroseconds: Int64 { seconds * 1_000_000 / count }

        /// An empty bucket is full again after so many seconds, rounded up.
        package var windowSeconds: Int64 { (burst * seconds + count - 1) / count }
    }

    /// What is limited, by the names in the file.
    package enum Name: String, Sendable, CaseIterable {
        /// Accounts made, by address.
        case signUps = "sign_ups"
        /// By user.
        case friendRequests = "friend_requests"
        /// Entries of stored topics and signals, by user, over MQTT and REST together.
        case publishes
        /// By user.
        case searches
        /// By account and address.
        case loginFailures = "login_failures"
        case loginFailuresOfAddress = "login_failures_of_address"
        /// From addresses that the account does not know.
        case loginFailuresOfAccount = "login_failures_of_account"
        /// Wrong codes of a second factor, by user.
        case factorFailures = "second_factor_failures"
        /// By address.
        case mailedCodeFailures = "mailed_code_failures"
        /// Mails asked for, by address.
        case mails
    }

    private var rates: [Name: Rate]
    /// MQTT connections of one user; nil: as many as it likes.
    package var connectionsPerUser: Int?
    /// MQTT connections of all.
    package var connections: Int?

    /// nil: without limit.
    package subscript(name: Name) -> Rate? {
        get { rates[name] }
        set { rates[name] = newValue }
    }

    package static let off = RateLimits(rates: [:], connectionsPerUser: nil, connections: nil)

    package static let builtIn = RateLimits(
        rates: [
            .signUps: Rate(20, seconds: 3_600),
            .friendRequests: Rate(50, seconds: 86_400),
            .publishes: Rate(50, seconds: 1, burst: 500),
            .searches: Rate(5, seconds: 1),
            .loginFailures: Rate(1, seconds: 333, burst: 5),
            .loginFailuresOfAddress: Rate(1, seconds: 10, burst: 50),
            .loginFailuresOfAccount: Rate(100, seconds: 3_600),
            .factorFailures: Rate(1, seconds: 6, burst: 5),
            // Mailed codes are too long to be guessed; this keeps guesses off the database.
            .mailedCodeFailures: Rate(1, seconds: 30, burst: 10),
            .mails: Rate(1, seconds: 60, burst: 20),
        ], connectionsPerUser: 50, connections: 100_000)
}
