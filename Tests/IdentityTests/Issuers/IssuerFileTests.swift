import Testing

@testable import Identity

/// What the operator may write, and what is said of the rest.
@Suite struct IssuerFileTests {
    static let own = "https://hub.example"
    static let ec = TestSigner.shared[.es256]!.jwk()
    static let app = #""iss":"https://app.example","aud":"hub""#
    let directory = TemporaryDirectory()

    private func load(_ texts: String...) throws(IssuerFileError) -> [OutsideIssuer] {
        var paths: [String] = []
        for (index, text) in texts.enumerated() {
            directory.write(text, to: "issuers\(index).json")
            paths.append("\(directory.path)/issuers\(index).json")
        }
        return try IssuerFile.load(paths, own: Self.own)
    }

    private func problem(_ texts: String...) -> String? {
        do throws(IssuerFileError) {
            switch texts.count {
            case 1: _ = try load(texts[0])
            default: _ = try load(texts[0], texts[1])
            }
            return nil
        } catch {
            let place = "\(directory.path)/"
            let text = "\(error)"
            #expect(text.hasPrefix(place + "issuers"), "it names the file")
            return text.split(separator: ": ", maxSplits: 1).last.map(String.init)
        }
    }

    @Test func defaults() throws {
        let issuer = try #require(try load(#"[{\#(Self.app),"keys":[\#(Self.ec)]}]"#).first)
        #expect(issuer.issuer.name == "https://app.example" && issuer.issuer.audiences == ["hub"])
        #expect(issuer.issuer.types == ["jwt", "at+jwt", nil])
        #expect(!issuer.createsUsers && issuer.defaultACL == nil && issuer.scopes == .user)
        #expect("\(issuer)" == "https://app.example: ES256")
    }

    @Test func everything() throws {
        let rsa = TestSigner.shared[.rs256]!.jwk(id: "r"), ed = TestSigner.shared[.eddsa]!.jwk(id: "e")
        directory.write(#"{"keys":[\#(rsa),\#(ed)]}"#, to: "app.jwks.json")
        directory.write("a secret of no less than 256 bits\r\n", to: "secret")
        let issuers = try load(
            #"""
            [{"iss":"https://app.example","aud":["hub","https://hub.example"],"jwks_file":"app.jwks.json","create":true,
              "typ":["application/AT+JWT"],"scope":"user admin","acl":{"all":["app/${sub}/#"]}}]
            """#,
            #"[{"iss":"shop","aud":"hub","secret_file":"\#(directory.path)/secret"}]"#)
        #expect(issuers.map(\.description) == ["https://app.example: EdDSA e, RS256 r; makes users", "shop: HS256"])
        #expect(issuers[0].issuer.types == ["at+jwt"] && issuers[0].scopes == [.user, .admin])
        #expect(issuers[0].defaultACL == AccessList(all: ["app/${sub}/#"]) && issuers[0].createsUsers)
        let signer = TestSigner.shared[.hs256]!
        guard case .sole(let key, nil) = issuers[1].issuer.keys else { throw Flaw("no sole key") }
        #expect(key.isSignature(signer.sign([1, 2]), of: [1, 2]), "the line's end is not part of the secret")
    }

    /// RFC 7517 §5: keys of other kinds or for other uses are left out.
    @Test func foreignKeysInASet() throws {
        let rsa = TestSigner.shared[.rs256]!
        let set = [
            rsa.jwk(id: "1", more: #","use":"enc""#), rsa.jwk(id: "2", more: #","alg":"PS256""#),
            rsa.jwk(id: "3", more: #","key_ops":["wrapKey"]"#), #"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#,
            #"{"kty":"OKP","crv":"X25519","x":"AA"}"#, #"{"kty":"AKP","kid":"9"}"#, #"{"k":1}"#,
            rsa.jwk(id: "4", more: #","use":"sig","alg":"RS256","key_ops":["verify"],"x5t":"x""#),
        ]
        let issuers = try load(#"[{\#(Self.app),"keys":[\#(set.joined(separator: ","))]}]"#)
        #expect(issuers.map(\.description) == ["https://app.example: RS256 4"])
        let none = problem(#"[{\#(Self.app),"keys":[\#(set.dropLast().joined(separator: ","))]}]"#)
        #expect(
            none?.hasPrefix("https://app.example: no key for ES256, RS256 or EdDSA; key 1 is for enc; key 2") == true)
    }

    static let wrongFiles: [(text: String, problem: String)] = [
        ("", "unexpected end at byte 0"), ("{}", "must be an array of issuers"), ("[1]", "issuer 1: must be an object"),
        ("[{}]", "issuer 1: iss: must be a string of at most 1024 bytes"),
        (#"[{"iss":7,"aud":"hub"}]"#, "issuer 1: iss: must be a string"),
        (#"[{"iss":"a","iss":"b"}]"#, "repeated name at byte 12"),
        (#"[{"iss":"a"}]"#, "a: aud: must be a string, or an array of some"),
        (#"[{"iss":"a","aud":[]}]"#, "a: aud: must be a string, or an array of some"),
        (#"[{"iss":"a","aud":["hub",1]}]"#, "a: aud: must be a string, or an array of some"),
        (#"[{"iss":"a","aud":"hub"}]"#, "a: one of jwks_file, keys, secret, secret_file must be there"),
        (
            #"[{"iss":"a","aud":"hub","keys":[],"secret":"x"}]"#,
            "a: one of jwks_file, keys, secret, secret_file must be there"
        ),
        (#"[{\#(app),"keys":{}}]"#, "https://app.example: keys: must be an array"),
        (#"[{\#(app),"keys":[]}]"#, "https://app.example: no key for ES256, RS256 or EdDSA"),
        (
            #"[{\#(app),"secret":"31 bytes are not enough for it."}]"#,
            "https://app.example: the secret has 31 bytes, and must have 32 or more"
        ),
        (#"[{\#(app),"secret":""}]"#, "https://app.example: secret: must be a string"),
        (
            #"[{\#(app),"secret_file":"none"}]"#,
            "https://app.example: secret_file none: open: No such file or directory"
        ),
        (#"[{\#(app),"jwks_file":"none"}]"#, "https://app.example: jwks_file none: open: No such file or directory"),
        (#"[{\#(app),"jwks_file":"."}]"#, "https://app.example: jwks_file .: read: Is a directory"),
        (
            #"[{\#(app),"keys":[\#(ec)],"typ":"JWT"}]"#,
            "https://app.example: typ: must be an array of strings, and null if a token need not have one"
        ),
        (#"[{\#(app),"keys":[\#(ec)],"create":"yes"}]"#, "https://app.example: create: must be true or false"),
        (
            #"[{\#(app),"keys":[\#(ec)],"scope":"user root"}]"#,
            "https://app.example: scope: must be names of user, bot, service, admin, separated by spaces"
        ),
        (#"[{\#(app),"keys":[\#(ec)],"acl":{"pub":["a/#/b"]}}]"#, "https://app.example: acl: a/#/b: no topic filter"),
        (
            #"[{\#(app),"keys":[\#(ec)],"acl":{"publish":[]}}]"#,
            #"https://app.example: acl: must be an object like {"pub":["app/${sub}/#"],"sub":["app/#"],"all":[],"deny":[]}"#
        ),
        (#"[{\#(app),"keys":[\#(ec)],"crate":true}]"#, "https://app.example: crate: unknown"),
        (#"[{"iss":"https://hub.example","aud":"hub","keys":[\#(ec)]}]"#, "https://hub.example: is the hub itself"),
        (#"[{\#(app),"keys":[\#(ec)]},{\#(app),"keys":[\#(ec)]}]"#, "https://app.example: stands there twice"),
    ]

    @Test(arguments: wrongFiles) func refuses(text: String, problem: String) { #expect(self.problem(text) == problem) }

    static let rsa = TestSigner.shared[.rs256]!
    static let ed = TestSigner.shared[.eddsa]!
    static let wrongKeys: [(keys: String, problem: String)] = [
        ("\(ec),\(rsa.jwk(id: "1"))", "each of several keys needs a kid"),
        ("\(rsa.jwk(id: "1")),\(ed.jwk(id: "1"))", "two keys have the kid 1"),
        (rsa.jwk(more: #","kid":7"#), "key 1: kid: must be a string"),
        (
            TestSigner.shared[.hs256]!.jwk(),
            "no key for ES256, RS256 or EdDSA; key 1 is a secret, which does not stand in a key set but under secret or secret_file"
        ),
        ("\(ec.dropLast()),\"d\":\"AA\"}", "key 1: is a private key: give the public half only"),
        (TestSigner(.rs256, bits: 1024).jwk(), "key 1: has 1024 bits, and must have 2048 to 8192"),
        (
            #"{"kty":"RSA","e":"AQAB","n":"\#(Base64URL.encode([0, 0] + rsa.number("n").suffix(255)))"}"#,
            "key 1: has 20"
        ),
        (#"{"kty":"RSA","n":"\#(Base64URL.encode(rsa.number("n")))"}"#, "key 1: e: must be base64url without padding"),
        (#"{"kty":"RSA","n":"\#(Base64URL.encode(rsa.number("n")))","e":"AQ"}"#, "key 1: is no RSA key"),
        (#"{"kty":"RSA","n":"\#(Base64URL.encode(rsa.number("n")))","e":"AA"}"#, "key 1: is no RSA key"),
        (#"{"kty":"RSA","n":"\#(Base64URL.encode(rsa.number("n")))","e":"AQAA"}"#, "key 1: is no RSA key"),
        (#"{"kty":"RSA","n":"\#(Base64URL.encode(rsa.number("n")))","e":"AQAAAAAAAAAB"}"#, "key 1: is no RSA key"),
        (
            #"{"kty":"RSA","n":"\#(Base64URL.encode(rsa.number("n").dropLast() + [0]))","e":"AQAB"}"#,
            "key 1: is no RSA key"
        ),
        (#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, "key 1: x: must have 32 bytes"),
        (point(1) + "}", "key 1: is no point on P-256"), (point(0) + "}", "key 1: is no point on P-256"),
        (#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, "key 1: x: must have 32 bytes"),
        (#"{"kty":"OKP","crv":"Ed25519","x":"A="}"#, "key 1: x: must be base64url without padding"),
    ]

    private static func point(_ last: UInt8) -> String {
        let number = Base64URL.encode([UInt8](repeating: 0, count: 31) + [last])
        return #"{"kty":"EC","crv":"P-256","x":"\#(number)","y":"\#(number)""#
    }

    @Test(arguments: wrongKeys) func refusesKeys(keys: String, problem: String) {
        let said = self.problem(#"[{\#(Self.app),"keys":[\#(keys)]}]"#)
        #expect(said?.hasPrefix("https://app.example: \(problem)") == true, "\(said ?? "taken")")
    }

    @Test func oneIssuerInTwoFiles() {
        let text = #"[{\#(Self.app),"keys":[\#(Self.ec)]}]"#
        #expect(problem(text, text) == "https://app.example: stands there twice")
    }
}
