import JSON

/// A JWS in compact form taken apart (RFC 7515 §7.1): nothing of it is verified yet.
struct SignedToken {
    /// Tokens of the hub have some 400 bytes; those of outside issuers with a long `acl` stay below this too.
    static let bytesMax = 8192

    let header: JSONValue
    let payload: [UInt8]
    let signature: [UInt8]
    /// What the signature is over: header and payload as they came, with the dot.
    let signedBytes: [UInt8]
    /// Of the whole token.
    let digest: GoodSignatures.Digest

    init(parsing token: [UInt8]) throws(TokenError) {
        guard token.count <= Self.bytesMax else { throw .malformed }
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1])
        else { throw .malformed }
        self.header = try Self.object(header)
        self.payload = payload
        // What can't be decoded verifies as little as a wrong one: the token is readable, and not good.
        signature = Base64URL.decode(parts[2]) ?? []
        signedBytes = Array(token[..<parts[1].endIndex])
        digest = GoodSignatures.digest(of: token)
    }

    /// A whole text that is a JSON object.
    static func object(_ bytes: [UInt8]) throws(TokenError) -> JSONValue {
        do {
            let value = try JSONValue(parsing: bytes)
            guard value.object != nil else { throw TokenError.malformed }
            return value
        } catch {
            throw .malformed
        }
    }
}
