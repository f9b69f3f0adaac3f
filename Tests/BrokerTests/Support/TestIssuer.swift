import Glibc

@testable import Identity

/// An outside issuer that makes users, and signs by a secret.
enum TestIssuer {
    static let name = "https://app.test"
    private static let secret = "a secret of no less than 256 bits"

    static let all: [OutsideIssuer] = {
        let path = "/tmp/confab-issuers-\(getpid()).json"
        let text = #"[{"iss":"\#(name)","aud":"hub","secret":"\#(secret)","create":true,"acl":{"all":["app/#"]}}]"#
        guard let file = fopen(path, "w") else { fatalError("fopen: \(errno)") }
        fputs(text, file)
        fclose(file)
        defer { unlink(path) }
        do {
            return try IssuerFile.load([path], own: "https://hub.test")
        } catch {
            fatalError("\(error)")
        }
    }()

    /// - Parameters:
    ///   - expiresAt: Unix seconds.
    ///   - more: further claims, each with a comma before it.
    static func token(_ subject: String, expiresAt: Int64, more: String = "") -> [UInt8] {
        let claims = #"{"iss":"\#(name)","aud":"hub","sub":"\#(subject)","exp":\#(expiresAt)\#(more)}"#
        let signed = [#"{"alg":"HS256"}"#, claims].map { Base64URL.encode(Array($0.utf8)) }.joined(separator: ".")
        let code = Secrets.hmacSHA256(Array(signed.utf8), secret: Array(secret.utf8))
        return Array("\(signed).\(Base64URL.encode(code))".utf8)
    }
}
