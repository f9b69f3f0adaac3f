import JSON

/// An issuer from outside (`--issuers`): how its tokens are checked, and what they may open.
package struct OutsideIssuer: Sendable {
    /// OpenID Connect Core §2: a `sub` has at most 255 characters.
    static let subjectBytesMax = 255

    var issuer: TokenIssuer
    /// `sub` is the issuer's name of a user, who is made at first sight; else it is a user's id.
    var createsUsers: Bool
    /// Rights of tokens without an `acl` claim.
    var defaultACL: AccessList?
    /// Scopes that its tokens may have.
    var scopes: Scopes

    func verify(_ token: SignedToken, now: Int64) throws(TokenError) -> VerifiedToken {
        try read(issuer.verify(token, now: now))
    }

    /// A `sid` is the issuer's own affair: such a token belongs to no log-in session of the hub.
    private func read(_ claims: JSONValue) throws(TokenError) -> VerifiedToken {
        guard let subject = claims["sub"]?.string, let expiresAt = claims["exp"]?.numericDate else { throw .malformed }
        var read = Claims(
            userID: 0, sessionID: nil, expiresAt: expiresAt, scopes: try allowedScopes(claims["scope"]),
            acl: defaultACL, outsideName: subject)
        if let claim = claims["acl"] { read.acl = try AccessList(claim) }
        guard createsUsers else {
            guard let id = Claims.id(subject) else { throw .malformed }
            read.userID = id
            return .user(read)
        }
        guard 1...Self.subjectBytesMax ~= subject.utf8.count else { throw .malformed }
        return .outsider(
            OutsideToken(
                OutsideSubject(
                    issuer: issuer.name, name: subject,
                    // OpenID Connect Core §5.1.
                    username: claims["preferred_username"]?.string.map { $0.lowercased() }.filter(Names.isUsername),
                    displayName: claims["name"]?.string.filter(Names.isDisplayName)), read))
    }

    /// What the token asks for and the entry allows. Names of others, such as `openid`, mean nothing here; a token that asks for nothing
    /// else is a user's. Some issuers write a list instead of a string.
    private func allowedScopes(_ claim: JSONValue?) throws(TokenError) -> Scopes {
        var names: [String] = []
        switch claim {
        case nil: break
        case .string(let text): names = [text]
        case .array(let values):
            names = values.compactMap(\.string)
            guard names.count == values.count else { throw .malformed }
        case .null, .bool, .number, .object: throw .malformed
        }
        let allowed = Scopes(names: names.joined(separator: " ")).intersection(scopes)
        return allowed.isEmpty ? .user : allowed
    }
}

extension Optional {
    fileprivate func filter(_ isGood: (Wrapped) -> Bool) -> Wrapped? {
        flatMap { isGood($0) ? $0 : nil }
    }
}

/// For the log: whose tokens are accepted, and by which keys.
extension OutsideIssuer: CustomStringConvertible {
    package var description: String {
        let keys =
            switch issuer.keys {
            case .named(let keys): keys.map { "\($0.value.algorithm) \($0.key)" }.sorted().joined(separator: ", ")
            case .sole(let key, let id): id.map { "\(key.algorithm) \($0)" } ?? key.algorithm
            }
        return "\(issuer.name): \(keys)\(createsUsers ? "; makes users" : "")"
    }
}
