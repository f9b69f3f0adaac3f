import JSON

/// A key that checks signatures by the one algorithm that it is for.
protocol VerificationKey: Sendable {
    /// As the `alg` of a header names it (RFC 7518 §3.1, RFC 8037 §3.1).
    var algorithm: String { get }

    func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool
}

/// One issuer whose tokens are accepted, with its keys: the algorithm belongs to the key, never to the token (RFC 8725
/// §3.1). The hub is one; issuers from outside differ in keys, types and what their claims must hold.
struct TokenIssuer: Sendable {
    /// How far an issuer's clock may run ahead of ours. An expiry gets none: after `exp` a token is over.
    static let leewaySeconds: Int64 = 5

    /// The `iss` claim, compared byte by byte.
    var name: String
    var audience: String
    /// Accepted `typ` values, in lower case (RFC 9068 §4).
    var types: [String]
    /// By `kid`.
    var keys: [String: any VerificationKey]

    /// The token's claims, if it is this issuer's, meant for us, and valid at `now` (Unix seconds).
    func verify(_ token: SignedToken, now: Int64) throws(TokenError) -> JSONValue {
        try verifySignature(token)
        let claims = try SignedToken.object(token.payload)
        guard let issuer = claims["iss"]?.string, let expiresAt = claims["exp"]?.int64 else { throw .malformed }
        guard Self.areEqual(issuer, name), try isAudience(claims["aud"]) else { throw .invalid }
        for name in ["nbf", "iat"] {
            guard let claim = claims[name] else { continue }
            guard let time = claim.int64 else { throw .malformed }
            if time > now + Self.leewaySeconds { throw .invalid }
        }
        if expiresAt <= now { throw .expired }
        return claims
    }

    /// Keys and addresses of keys in the header (`jwk`, `jku`, `x5u`, `x5c`) are not looked at (RFC 8725 §3.10).
    private func verifySignature(_ token: SignedToken) throws(TokenError) {
        guard let algorithm = token.header["alg"]?.string, let keyID = token.header["kid"]?.string else {
            throw .malformed
        }
        guard let type = token.header["typ"]?.string, types.contains(type.lowercased()) else { throw .invalid }
        // RFC 7515 §4.1.11: an extension that must be understood, and we know none.
        if token.header["crit"] != nil { throw .invalid }
        guard let key = keys[keyID], Self.areEqual(algorithm, key.algorithm) else { throw .invalid }
        guard key.isSignature(token.signature, of: token.signedBytes) else { throw .invalid }
    }

    /// RFC 7519 §4.1.3: one string, or several.
    private func isAudience(_ claim: JSONValue?) throws(TokenError) -> Bool {
        switch claim {
        case .string(let value): return Self.areEqual(value, audience)
        case .array(let values): return values.contains { $0.string.map { Self.areEqual($0, audience) } ?? false }
        case nil, .null, .bool, .number, .object: throw .malformed
        }
    }

    private static func areEqual(_ left: String, _ right: String) -> Bool {
        left.utf8.elementsEqual(right.utf8)
    }
}
