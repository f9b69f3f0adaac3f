import JSON

/// Reads public keys as RFC 7517 writes them.
enum JSONWebKey {
    struct Named {
        var id: String?
        var key: any VerificationKey
    }

    /// The keys of a set that verify signatures of ours. Others are left out, as RFC 7517 §5 wants it; what looks like one of ours and is
    /// broken is refused.
    static func keys(in set: JSONValue?) throws(Flaw) -> IssuerKeys {
        guard let values = set?.array else { throw Flaw("keys: must be an array") }
        var keys: [Named] = []
        var others: [String] = []
        for (index, value) in values.enumerated() {
            do throws(Flaw) {
                if let other = otherUse(of: value) {
                    others.append("key \(index + 1) \(other)")
                } else {
                    keys.append(Named(id: try id(of: value), key: try key(value)))
                }
            } catch {
                throw Flaw("key \(index + 1): \(error.problem)")
            }
        }
        guard !keys.isEmpty else {
            throw Flaw((["no key for ES256, RS256 or EdDSA"] + others).joined(separator: "; "))
        }
        return try named(keys)
    }

    /// A token tells by `kid` which of several it is signed with, so each needs one.
    private static func named(_ keys: [Named]) throws(Flaw) -> IssuerKeys {
        if keys.count == 1 { return .sole(keys[0].key, id: keys[0].id) }
        var byID: [String: any VerificationKey] = [:]
        for key in keys {
            guard let id = key.id else { throw Flaw("each of several keys needs a kid") }
            guard byID.updateValue(key.key, forKey: id) == nil else { throw Flaw("two keys have the kid \(id)") }
        }
        return .named(byID)
    }

    /// What a key is for that is not for us; nil: it may be.
    private static func otherUse(of value: JSONValue) -> String? {
        let kind = (type: value["kty"]?.string, curve: value["crv"]?.string)
        let algorithm: String
        switch (kind.type, kind.curve) {
        case ("RSA", _): algorithm = "RS256"
        case ("EC", "P-256"): algorithm = "ES256"
        case ("OKP", "Ed25519"): algorithm = "EdDSA"
        case ("oct", _): return "is a secret, which does not stand in a key set but under secret or secret_file"
        default: return "is of another type or curve"
        }
        if let use = value["use"]?.string, use != "sig" { return "is for \(use)" }
        if let operations = value["key_ops"]?.array, !operations.contains(where: { $0.string == "verify" }) {
            return "is not for verify"
        }
        if let named = value["alg"]?.string, named != algorithm { return "is for \(named)" }
        return nil
    }

    private static func id(of value: JSONValue) throws(Flaw) -> String? {
        guard let id = value["kid"] else { return nil }
        guard let text = id.string, !text.isEmpty else { throw Flaw("kid: must be a string") }
        return text
    }

    private static func key(_ value: JSONValue) throws(Flaw) -> any VerificationKey {
        // Whoever publishes it by mistake should learn of it here first.
        guard value["d"] == nil else { throw Flaw("is a private key: give the public half only") }
        switch value["kty"]?.string {
        case "RSA": return try rsaKey(value)
        case "EC": return try p256Key(value)
        default:
            guard let key = Ed25519Key(publicKey: try bytes(value, "x", count: Ed25519Key.keyBytes)) else {
                throw Flaw("is no Ed25519 key")
            }
            return key
        }
    }

    private static func rsaKey(_ value: JSONValue) throws(Flaw) -> RSAKey {
        let modulus = try bytes(value, "n"), exponent = try bytes(value, "e")
        let bits = RSAKey.bits(of: modulus)
        guard RSAKey.bitsMin...RSAKey.bitsMax ~= bits else {
            throw Flaw("has \(bits) bits, and must have \(RSAKey.bitsMin) to \(RSAKey.bitsMax)")
        }
        guard exponent.count <= RSAKey.exponentBytesMax, let key = RSAKey(modulus: modulus, exponent: exponent) else {
            throw Flaw("is no RSA key")
        }
        return key
    }

    private static func p256Key(_ value: JSONValue) throws(Flaw) -> P256Key {
        let x = try bytes(value, "x", count: P256Key.coordinateBytes)
        let y = try bytes(value, "y", count: P256Key.coordinateBytes)
        guard let key = P256Key(x: x, y: y) else { throw Flaw("is no point on P-256") }
        return key
    }

    private static func bytes(_ value: JSONValue, _ name: String, count: Int? = nil) throws(Flaw) -> [UInt8] {
        guard let text = value[name]?.string, let bytes = Base64URL.decode(text.utf8), !bytes.isEmpty else {
            throw Flaw("\(name): must be base64url without padding")
        }
        if let count, bytes.count != count { throw Flaw("\(name): must have \(count) bytes") }
        return bytes
    }
}
