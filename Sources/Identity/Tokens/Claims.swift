/// What a verified access token says (protocol.md §4).
package struct Claims: Sendable, Equatable {
    package var userID: Int64
    /// The log-in session; nil for outside issuers, bots and operators.
    package var sessionID: Int64?
    /// The long-lived token of a bot that the hub knows, by its `jti`; nil for all others.
    package var botTokenID: Int64?
    /// Unix seconds.
    package var expiresAt: Int64
    package var scopes: Scopes
    /// Rights on plain topics; nil: chat topics only.
    package var acl: AccessList?
    /// What an outside issuer calls the user; nil in tokens of the hub.
    package var outsideName: String?

    package init(
        userID: Int64, sessionID: Int64?, expiresAt: Int64, scopes: Scopes, acl: AccessList? = nil,
        outsideName: String? = nil, botTokenID: Int64? = nil
    ) {
        self.userID = userID
        self.sessionID = sessionID
        self.expiresAt = expiresAt
        self.scopes = scopes
        self.acl = acl
        self.outsideName = outsideName
        self.botTokenID = botTokenID
    }

    /// What can be revoked before the token expires: its log-in session or, of a bot, the token itself. Ids are never given twice, so one
    /// means one of the two.
    package var revocableID: Int64? { sessionID ?? botTokenID }
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
