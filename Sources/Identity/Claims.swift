/// What a verified access token says (protocol.md §4).
package struct Claims: Sendable, Equatable {
    package var userID: Int64
    /// The log-in session; nil for outside issuers, bots and operators.
    package var sessionID: Int64?
    /// Unix seconds.
    package var expiresAt: Int64
    package var scopes: Scopes
    /// Rights on plain topics; nil: chat topics only.
    package var acl: AccessList?

    package init(userID: Int64, sessionID: Int64?, expiresAt: Int64, scopes: Scopes, acl: AccessList? = nil) {
        self.userID = userID
        self.sessionID = sessionID
        self.expiresAt = expiresAt
        self.scopes = scopes
        self.acl = acl
    }
}

package struct Scopes: OptionSet, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let user = Scopes(rawValue: 1)
    package static let bot = Scopes(rawValue: 2)
    package static let service = Scopes(rawValue: 4)
    package static let admin = Scopes(rawValue: 8)
}

/// The `acl` claim as it stands in the token, placeholders unfilled; patterns are topic filters.
package struct AccessList: Sendable, Equatable {
    package var publish: [String]
    package var subscribe: [String]
    package var all: [String]
    package var deny: [String]

    package init(publish: [String] = [], subscribe: [String] = [], all: [String] = [], deny: [String] = []) {
        self.publish = publish
        self.subscribe = subscribe
        self.all = all
        self.deny = deny
    }
}

package enum TokenError: Error, Sendable, Equatable {
    case malformed
    /// Wrong signature, issuer, audience or type, unknown key.
    case invalid
    case expired
}
