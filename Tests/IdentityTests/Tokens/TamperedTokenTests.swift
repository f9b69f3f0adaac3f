import COpenSSL
import Testing

@testable import Identity

/// What RFC 8725 warns of, with a key that the attacker has or has not.
@Suite struct TamperedTokenTests {
    static let audience = "https://hub.example"
    static let now: Int64 = 1_000_000
    static let key = Ed25519Key.generate()
    static let header = #"{"alg":"EdDSA","typ":"at+jwt","kid":"\#(key.keyID)"}"#
    static let claims =
        #"{"iss":"https://hub.example","aud":"https://hub.example","sub":"7","exp":1000600,"iat":1000000}"#

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var header: String
        var claims: String
        var error: TokenError?
        var testDescription: String { name }

        /// A token with `old` replaced by `new` in header or claims, signed by the right key.
        init(_ name: String, _ old: String, _ new: String, _ error: TokenError?) {
            self.name = name
            header = replaced(TamperedTokenTests.header, old, new)
            claims = replaced(TamperedTokenTests.claims, old, new)
            self.error = error
            precondition(header != TamperedTokenTests.header || claims != TamperedTokenTests.claims || old.isEmpty)
        }
    }

    static let headers = [
        Case("untouched", "", "", nil), Case("alg none", #""EdDSA""#, #""none""#, .invalid),
        Case("alg None", #""EdDSA""#, #""nOnE""#, .invalid), Case("alg HS256", #""EdDSA""#, #""HS256""#, .invalid),
        Case("alg in lower case", #""EdDSA""#, #""eddsa""#, .invalid),
        Case("no alg", #""alg":"EdDSA","#, "", .malformed),
        Case("alg is a list", #""EdDSA""#, #"["EdDSA"]"#, .malformed),
        Case("alg twice", "{\"alg\"", #"{"alg":"none","alg""#, .malformed),
        Case("plain JWT", #""at+jwt""#, #""JWT""#, .invalid), Case("no typ", #""typ":"at+jwt","#, "", .invalid),
        Case("full media type", #""at+jwt""#, #""application/AT+JWT""#, nil),
        Case("no kid", #","kid":""#, #","kod":""#, .malformed),
        Case("unknown kid", #""kid":""#, #""kid":"x"#, .invalid),
        Case("kid is a number", #""kid":""#, #""kid":5,"was":""#, .malformed),
        Case("jku", "{\"alg\"", #"{"jku":"https://evil.example/keys","alg""#, nil),
        Case("jwk", "{\"alg\"", #"{"jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"},"alg""#, nil),
        Case("x5u", "{\"alg\"", #"{"x5u":"https://evil.example/","alg""#, nil),
        Case("crit", "{\"alg\"", #"{"crit":["exp"],"alg""#, .invalid),
        Case("empty crit", "{\"alg\"", #"{"crit":[],"alg""#, .invalid),
        Case("b64", "{\"alg\"", #"{"b64":false,"crit":["b64"],"alg""#, .invalid),
        Case("header no object", header, "[]", .malformed),
        Case("header no JSON", header, "{", .malformed), Case("empty header", header, "", .malformed),
    ]

    static let bodies = [
        Case("another issuer", #""iss":"https://hub.example""#, #""iss":"https://hub.example/""#, .invalid),
        Case("no issuer", #""iss":"https://hub.example","#, "", .malformed),
        Case("issuer list", #""iss":"https://hub.example""#, #""iss":["https://hub.example"]"#, .malformed),
        Case("another audience", #""aud":"https://hub.example""#, #""aud":"https://other""#, .invalid),
        Case("one of several audiences", #""aud":"https://hub.example""#, #""aud":["x","https://hub.example"]"#, nil),
        Case("none of several audiences", #""aud":"https://hub.example""#, #""aud":["x",7]"#, .invalid),
        Case("no audience", #""aud":"https://hub.example","#, "", .malformed),
        Case("expired now", "1000600", "1000000", .expired), Case("long expired", "1000600", "-5", .expired),
        Case("no exp", #""exp":1000600,"#, "", .malformed),
        Case("exp is a string", "1000600", #""1000600""#, .malformed),
        Case("exp is a fraction", "1000600", "1000600.5", nil),
        Case("exp at the end of time", "1000600", "9223372036854775807", nil),
        Case("exp beyond integers", "1000600", "9223372036854775808", .malformed),
        Case("nbf within the leeway", #""iat""#, #""nbf":1000005,"iat""#, nil),
        Case("nbf in future", #""iat""#, #""nbf":1000006,"iat""#, .invalid),
        Case("nbf is a string", #""iat""#, #""nbf":"1","iat""#, .malformed),
        Case("iat in future", #""iat":1000000"#, #""iat":1000006"#, .invalid),
        Case("no iat", #","iat":1000000"#, "", .malformed), Case("no sub", #""sub":"7","#, "", .malformed),
        Case("sub is a number", #""sub":"7""#, #""sub":7"#, .malformed),
        Case("sub zero", #""sub":"7""#, #""sub":"0""#, .malformed),
        Case("sub with leading zero", #""sub":"7""#, #""sub":"07""#, .malformed),
        Case("negative sub", #""sub":"7""#, #""sub":"-7""#, .malformed),
        Case("sub is a name", #""sub":"7""#, #""sub":"7+/#""#, .malformed),
        Case("empty sub", #""sub":"7""#, #""sub":"""#, .malformed),
        Case("sub too large", #""sub":"7""#, #""sub":"9223372036854775808""#, .malformed),
        Case("sid", #""iat""#, #""sid":"9","iat""#, nil),
        Case("sid is a number", #""iat""#, #""sid":9,"iat""#, .malformed),
        Case("sid is null", #""iat""#, #""sid":null,"iat""#, .malformed),
        Case("scope list", #""iat""#, #""scope":["admin"],"iat""#, .malformed),
        Case("unknown claim", #""iat""#, #""name":{"x":1},"iat""#, nil),
        Case("repeated claim", #""iat""#, #""sub":"8","iat""#, .malformed),
        Case("repeated claim, escaped", #""iat""#, #""\u0073ub":"8","iat""#, .malformed),
        Case("acl", #""iat""#, #""acl":{"pub":["a/#"],"deny":[]},"iat""#, nil),
        Case("acl list", #""iat""#, #""acl":["a"],"iat""#, .malformed),
        Case("acl of numbers", #""iat""#, #""acl":{"pub":[1]},"iat""#, .malformed),
        Case("acl misspelt", #""iat""#, #""acl":{"denny":["a"]},"iat""#, .malformed),
        Case("acl text", #""iat""#, #""acl":{"sub":"a"},"iat""#, .malformed),
        Case("claims list", claims, "[]", .malformed),
        Case("no claims", claims, "", .malformed),
        Case("trailing bytes in the claims", claims, claims + "x", .malformed),
    ]

    private let issuer = TokenIssuer(
        name: audience, audiences: [audience], types: ["at+jwt"], keys: .named([key.keyID: key]))

    private func verify(_ token: String) -> TokenError? {
        do throws(TokenError) {
            let token = try SignedToken(parsing: Array(token.utf8))
            let claims = try Claims(issuer.verify(token, now: Self.now))
            #expect(claims.userID == 7)
            return nil
        } catch {
            return error
        }
    }

    private static func signed(_ header: String, _ claims: String, by key: Ed25519Key = key) -> String {
        let text = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(claims.utf8)))"
        return "\(text).\(Base64URL.encode(key.sign(Array(text.utf8))))"
    }

    @Test(arguments: headers + bodies)
    func rightlySigned(_ testCase: Case) {
        #expect(verify(Self.signed(testCase.header, testCase.claims)) == testCase.error)
    }

    @Test func wronglySigned() {
        let other = Ed25519Key.generate()
        #expect(verify(Self.signed(Self.header, Self.claims, by: other)) == .invalid)
        let embedded = #"{"jwk":{"kty":"OKP","crv":"Ed25519","x":"\#(Base64URL.encode(other.publicKey))"},"#
        let header = embedded + Self.header.dropFirst()
        #expect(verify(Self.signed(header, Self.claims, by: other)) == .invalid)
        #expect(
            verify(Self.signed(replaced(Self.header, Self.key.keyID, other.keyID), Self.claims, by: other)) == .invalid)
    }

    /// The classic confusion: the public key, which everybody has, as secret of an HMAC.
    @Test func hmacWithThePublicKey() {
        let header = replaced(Self.header, "EdDSA", "HS256")
        let text = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(Self.claims.utf8)))"
        var code = [UInt8](repeating: 0, count: 32)
        let secret = Self.key.publicKey
        HMAC(EVP_sha256(), secret, Int32(secret.count), Array(text.utf8), text.utf8.count, &code, nil)
        #expect(verify("\(text).\(Base64URL.encode(code))") == .invalid)
        #expect(verify("\(text).\(Base64URL.encode(code + code))") == .invalid)
    }

    @Test func otherShapes() {
        let token = Self.signed(Self.header, Self.claims)
        let parts = token.split(separator: ".").map(String.init)
        let shapes: [(String, TokenError)] = [
            ("", .malformed), (".", .malformed), ("..", .malformed), ("...", .malformed), (parts[0], .malformed),
            ("\(parts[0]).\(parts[1])", .malformed), ("\(parts[0]).\(parts[1]).", .invalid),
            ("\(token).", .malformed),
            ("\(token).\(parts[2])", .malformed), ("\(token)=", .invalid), ("\(token)==", .invalid),
            ("\(token) ", .invalid), (" \(token)", .malformed), ("\(token)\n", .invalid),
            ("\(token)\u{0}", .invalid), ("\(token)AAAA", .invalid),
            ("\(parts[0])=.\(parts[1]).\(parts[2])", .malformed),
            ("Bearer \(token)", .malformed), ("\(parts[0]).\(parts[1]).\(parts[2].dropLast(2))", .invalid),
            ("\(parts[0]).\(parts[1])A.\(parts[2])", .invalid), (String(repeating: "a", count: 9000), .malformed),
            ("{\"payload\":\"\(parts[1])\"}", .malformed),
        ]
        for (text, error) in shapes { #expect(verify(text) == error, "\(text)") }
    }

    /// No single character of a token can be changed, not even one that only holds leftover bits.
    @Test func everyCharacterCounts() {
        let token = Array(Self.signed(Self.header, Self.claims).utf8)
        for index in token.indices {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "B") ? UInt8(ascii: "A") : UInt8(ascii: "B")
            #expect(verify(String(decoding: changed, as: UTF8.self)) != nil, "at \(index)")
        }
    }
}

/// The first occurrence only.
private func replaced(_ text: String, _ old: String, _ new: String) -> String {
    guard !old.isEmpty else { return text }
    let (bytes, pattern) = (Array(text.utf8), Array(old.utf8))
    guard bytes.count >= pattern.count else { return text }
    for start in 0...(bytes.count - pattern.count) where Array(bytes[start..<start + pattern.count]) == pattern {
        return String(decoding: bytes[..<start] + Array(new.utf8) + bytes[(start + pattern.count)...], as: UTF8.self)
    }
    return text
}
