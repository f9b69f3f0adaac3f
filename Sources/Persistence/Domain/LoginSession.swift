/// A log-in session as its owner sees it; its id is the `sid` of its tokens.
package struct LoginSession: Sendable, Equatable {
    package var id: Int64
    /// The User-Agent that logged in.
    package var client: String
    package var address: String
    /// Unix milliseconds.
    package var lastSeenAt: Int64

    package init(id: Int64, client: String, address: String, lastSeenAt: Int64) {
        self.id = id
        self.client = client
        self.address = address
        self.lastSeenAt = lastSeenAt
    }
}

/// What a log-in session is opened with.
package struct NewLoginSession: Sendable {
    package var client: String
    package var address: String
    /// SHA-256 of the refresh token that its owner gets.
    package var refreshHash: [UInt8]

    package init(client: String, address: String, refreshHash: [UInt8]) {
        self.client = client
        self.address = address
        self.refreshHash = refreshHash
    }
}

/// What an access token for a session is minted with.
package struct LoginGrant: Sendable, Equatable {
    package var userID: Int64
    package var sessionID: Int64
    /// Unix seconds. Later than that of every earlier token of the session, so that it tells which refresh token came with it.
    package var accessExpiresAt: Int64
}

/// Where a refresh token stands; the raw value is stored (security.md "Tokens").
enum RefreshState: Int16 {
    /// The newest, not used yet. Leaves to `replaced` when it is used, to `spent` when a newer one is.
    case current = 1
    /// Used, but the answer may be lost: good until a token that came with that answer is used, then `spent`.
    case replaced
    /// Final: whoever uses it has an old copy, and the session is revoked.
    case spent

    /// What the use of a token in this state does.
    enum Use: Equatable {
        /// The others are spent, this one is replaced by a new one.
        case rotate
        /// A new one is issued, beside the one that got lost.
        case reissue
        case revokeSession
    }

    var use: Use {
        switch self {
        case .current: .rotate
        case .replaced: .reissue
        case .spent: .revokeSession
        }
    }
}
