import JSON

/// A key that checks signatures by the one algorithm that it is for.
protocol VerificationKey: Sendable {
    /// As the `alg` of a header names it (RFC 7518 §3.1, RFC 8037 §3.1).
    var algorithm: String { get }

    func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool
}

/// The keys of an issuer.
enum IssuerKeys: Sendable {
    /// By `kid`, which a token must name.
    case named([String: any VerificationKey])
    /// The only one. A token need not name it, but may name no other.
    case sole(any VerificationKey, id: String?)
}

/// One issuer whose tokens are accepted, with its keys: the algorithm belongs to the key, never to the token (RFC 8725
/// §3.1). The hub is one; issuers from outside differ in keys, types and what their claims must hold.
struct TokenIssuer: Sendable {
    /// How far an issuer's clock may run ahead of ours. An expiry gets none: after `exp` a token is over.
    static let leewaySeconds: Int64 = 5

    /// The `iss` claim, compared byte by byte.
    var name: String
    /// The `aud` claim must name one of these.
    var audiences: [String]
    /// Accepted `typ` values (RFC 8725 §3.11), in lower case and without `application/`; nil: the header need not have one.
    var types: [String?]
    let keys: IssuerKeys
    /// Found with these keys.
    private let good = GoodSignatures()

    init(name: String, audiences: [String], types: [String?], keys: IssuerKeys) {
        self.name = name
        self.audiences = audiences
        self.types = types
        self.keys = keys
    }

    /// The token's claims, if it is this issuer's, meant for us, and valid at `now` (Unix seconds).
    func verify(_ token: SignedToken, now: Int64) throws(TokenError) -> JSONValue {
        try verifySignature(token)
        let claims = try SignedToken.object(token.payload)
        guard let issuer = claims["iss"]?.string, let expiresAt = claims["exp"]?.numericDate else { throw .malformed }
        guard isNamed(issuer), try isAudience(claims["aud"]) else { throw .invalid }
        for name in ["nbf", "iat"] {
            guard let claim = claims[name] else { continue }
            guard let time = claim.numericDate else { throw .malformed }
            if time > now + Self.leewaySeconds { throw .invalid }
        }
        if expiresAt <= now { throw .expired }
        return claims
    }

    func isNamed(_ issuer: String) -> Bool { Self.areEqual(issuer, name) }

    /// Keys and addresses of keys in the header (`jwk`, `jku`, `x5u`, `x5c`) are not looked at (RFC 8725 §3.10).
    private func verifySignature(_ token: SignedToken) throws(TokenError) {
        guard let algorithm = token.header["alg"]?.string else { throw .malformed }
        let type = try Self.optionalString(token.header["typ"])
        guard types.contains(type.map(Self.normalizedType)) else { throw .invalid }
        // RFC 7515 §4.1.11: an extension that must be understood, and we know none.
        if token.header["crit"] != nil { throw .invalid }
        let key = try key(named: Self.optionalString(token.header["kid"]))
        guard Self.areEqual(algorithm, key.algorithm) else { throw .invalid }
        if good.contains(token.digest) { return }
        guard key.isSignature(token.signature, of: token.signedBytes) else { throw .invalid }
        good.insert(token.digest)
    }

    private func key(named id: String?) throws(TokenError) -> any VerificationKey {
        switch keys {
        case .named(let keys):
            guard let id else { throw .malformed }
            guard let key = keys[id] else { throw .invalid }
            return key
        case .sole(let key, let ownID):
            if let id, let ownID, !Self.areEqual(id, ownID) { throw .invalid }
            return key
        }
    }

    private static func optionalString(_ value: JSONValue?) throws(TokenError) -> String? {
        guard let value else { return nil }
        guard let string = value.string else { throw .malformed }
        return string
    }

    /// RFC 7515 §4.1.9: a media type, compared without regard to case, from which `application/` may be left out.
    static func normalizedType(_ type: String) -> String {
        let type = type.lowercased(), prefix = "application/"
        return type.hasPrefix(prefix) ? String(type.dropFirst(prefix.count)) : type
    }

    /// RFC 7519 §4.1.3: one string, or several.
    private func isAudience(_ claim: JSONValue?) throws(TokenError) -> Bool {
        switch claim {
        case .string(let value): return isAudience(value)
        case .array(let values): return values.contains { $0.string.map(isAudience) ?? false }
        case nil, .null, .bool, .number, .object: throw .malformed
        }
    }

    private func isAudience(_ value: String) -> Bool { audiences.contains { Self.areEqual($0, value) } }

    private static func areEqual(_ left: String, _ right: String) -> Bool {
        left.utf8.elementsEqual(right.utf8)
    }
}

extension JSONValue {
    /// A NumericDate (RFC 7519 §2) in whole Unix seconds: what stands behind the point is dropped. nil if it is no number, has an exponent,
    /// or is out of range.
    var numericDate: Int64? {
        guard case .number(let text) = self else { return nil }
        let parts = text.split(separator: ".", maxSplits: 1)
        guard parts.count == 1 || parts[1].utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            return nil
        }
        return JSONValue.number(String(parts[0])).int64
    }
}
