/// What a good access token says, whoever signed it.
package enum VerifiedToken: Sendable, Equatable {
    case user(Claims)
    /// Of an issuer whose users the hub makes when it first sees them.
    case outsider(OutsideToken)
}

/// Claims of a user whose id the database knows.
package struct OutsideToken: Sendable, Equatable {
    package let subject: OutsideSubject
    private let claims: Claims

    /// - Parameter claims: all but the user.
    init(_ subject: OutsideSubject, _ claims: Claims) {
        precondition(claims.userID == 0)
        self.subject = subject
        self.claims = claims
    }

    package func claims(ofUser id: Int64) -> Claims {
        precondition(id > 0, "ids are positive")
        var claims = claims
        claims.userID = id
        return claims
    }
}

/// A user as an outside issuer knows it.
package struct OutsideSubject: Sendable, Equatable {
    package let issuer: String
    /// The `sub` claim.
    package let name: String
    /// What the user may be called here, as far as the token says so and it is a name for us.
    package let username: String?
    package let displayName: String?

    package init(issuer: String, name: String, username: String? = nil, displayName: String? = nil) {
        self.issuer = issuer
        self.name = name
        self.username = username
        self.displayName = displayName
    }

    /// Tells subjects apart byte by byte, which `String` does not: it takes `é` and `e` with an accent for the same. U+0000 is in neither.
    package var key: [UInt8] { Array(issuer.utf8) + [0] + Array(name.utf8) }
}
