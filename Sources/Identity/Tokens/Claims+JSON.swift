import JSON
import Topics

extension Claims {
    /// Reads the claims of a token of the hub whose signature, issuer and times are good.
    init(_ claims: JSONValue) throws(TokenError) {
        guard let subject = claims["sub"]?.string, let userID = Self.id(subject),
            let expiresAt = claims["exp"]?.numericDate, claims["iat"] != nil
        else { throw .malformed }
        var sessionID: Int64?
        if let claim = claims["sid"] {
            guard let id = claim.string.flatMap(Self.id) else { throw .malformed }
            sessionID = id
        }
        var scopes: Scopes = []
        if let claim = claims["scope"] {
            guard let names = claim.string else { throw .malformed }
            scopes = Scopes(names: names)
        }
        let acl: AccessList? = if let claim = claims["acl"] { try AccessList(claim) } else { nil }
        // Other tokens have a `jti` of 22 characters, which is no id.
        let botTokenID = scopes.contains(.bot) ? claims["jti"]?.string.flatMap(Self.id) : nil
        self.init(
            userID: userID, sessionID: sessionID, expiresAt: expiresAt, scopes: scopes, acl: acl,
            botTokenID: botTokenID)
    }

    /// A positive number in canonical decimal (protocol.md §1): no sign, no leading zero.
    static func id(_ text: String) -> Int64? {
        guard let first = text.utf8.first, UInt8(ascii: "1")...UInt8(ascii: "9") ~= first else { return nil }
        let bytes = Array(text.utf8)
        return decodeInteger(bytes.span, bytes.indices)
    }
}

extension AccessList {
    /// The claim as people write it.
    package init(parsing text: String) throws(TokenError) {
        try self.init(SignedToken.object(Array(text.utf8)))
    }

    /// The first pattern that grants nothing, or denies more than it says, whoever the client is.
    package var unusablePattern: String? {
        (publish + subscribe + all + deny).first { !AccessRules.isPattern($0) }
    }

    /// A member that is none of ours is refused: a misspelt `deny` would open what it was to close.
    package init(_ claim: JSONValue) throws(TokenError) {
        guard let members = claim.object else { throw .malformed }
        self.init()
        for member in members {
            guard let values = member.value.array else { throw .malformed }
            let patterns = values.compactMap(\.string)
            guard patterns.count == values.count else { throw .malformed }
            switch member.name {
            case "pub": publish = patterns
            case "sub": subscribe = patterns
            case "all": all = patterns
            case "deny": deny = patterns
            default: throw .malformed
            }
        }
    }

    package func write(to writer: inout JSONWriter) {
        func list(_ patterns: [String]) {
            writer.beginArray()
            for pattern in patterns { writer.string(pattern) }
            writer.endArray()
        }
        writer.beginObject()
        if !publish.isEmpty {
            writer.name("pub")
            list(publish)
        }
        if !subscribe.isEmpty {
            writer.name("sub")
            list(subscribe)
        }
        if !all.isEmpty {
            writer.name("all")
            list(all)
        }
        if !deny.isEmpty {
            writer.name("deny")
            list(deny)
        }
        writer.endObject()
    }
}
