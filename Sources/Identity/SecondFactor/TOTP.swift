import COpenSSL

/// One-time passwords of an authenticator app (RFC 6238, on RFC 4226), with the parameters that every app knows: HMAC-SHA-1, six digits,
/// steps of 30 seconds.
package enum TOTP {
    /// RFC 4226 §4 recommends 160 bits.
    package static let secretBytes = 20
    package static let digits = 6
    package static let stepSeconds: Int64 = 30
    /// How many steps a phone's clock may be off, either way.
    private static let toleranceSteps: Int64 = 1

    package static func newSecret() -> [UInt8] { Secrets.randomBytes(secretBytes) }

    /// The step whose code this is, if it is later than `lastStep`, the last that was accepted (RFC 6238 §5.2: none counts twice).
    /// - Parameter now: Unix seconds.
    package static func acceptableStep(of code: String, secret: [UInt8], now: Int64, after lastStep: Int64) -> Int64? {
        guard isCode(code) else { return nil }
        let current = now / stepSeconds
        var found: Int64?
        // All are looked at, whichever fits, so that the duration tells nothing.
        for step in (current - toleranceSteps)...(current + toleranceSteps)
        where Secrets.areEqual(Array(self.code(secret: secret, step: step).utf8), Array(code.utf8)) {
            found = step
        }
        guard let found, found > lastStep else { return nil }
        return found
    }

    /// Whether it looks like one; recovery codes don't.
    package static func isCode(_ text: String) -> Bool {
        text.utf8.count == digits && text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    }

    package static func code(secret: [UInt8], step: Int64) -> String {
        truncate(hmac(secret, (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * $0)) }), digits: digits)
    }

    /// RFC 4226 §5.3.
    static func truncate(_ hash: [UInt8], digits: Int) -> String {
        let offset = Int(hash[hash.count - 1] & 0xF)
        var number = hash[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        var text: [UInt8] = []
        for _ in 0..<digits {
            text.append(UInt8(ascii: "0") + UInt8(number % 10))
            number /= 10
        }
        return String(decoding: text.reversed(), as: UTF8.self)
    }

    static func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        var count: UInt32 = 0
        guard HMAC(EVP_sha1(), key, Int32(key.count), message, message.count, &hash, &count) != nil,
            count == UInt32(SHA_DIGEST_LENGTH)
        else { fatalError("no HMAC-SHA-1") }
        return hash
    }

    /// What an authenticator app reads from a QR code (the Key URI format).
    /// - Parameters:
    ///   - issuer: shown above the code: which hub.
    ///   - account: whose.
    package static func url(secret: [UInt8], issuer: String, account: String) -> String {
        let issuer = percentEncoded(issuer)
        return "otpauth://totp/\(issuer):\(percentEncoded(account))?secret=\(Base32.encode(secret))&issuer=\(issuer)"
            + "&algorithm=SHA1&digits=\(digits)&period=\(stepSeconds)"
    }

    /// Everything but unreserved characters (RFC 3986 §2.3).
    private static func percentEncoded(_ text: String) -> String {
        let hexadecimal = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.append(byte)
            default:
                encoded += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 0xF)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
