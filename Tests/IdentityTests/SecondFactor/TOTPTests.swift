import Testing

@testable import Identity

@Suite struct TOTPTests {
    /// Of RFC 4226 appendix D and RFC 6238 appendix B.
    private static let secret = Array("12345678901234567890".utf8)

    /// RFC 4226 appendix D: the first ten codes.
    @Test(
        arguments: zip(
            Int64(0)...9,
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]))
    func hotpVector(_ step: Int64, _ code: String) {
        #expect(TOTP.code(secret: Self.secret, step: step) == code)
    }

    /// RFC 6238 appendix B, the rows of SHA-1, which have eight digits.
    @Test(
        arguments: [
            (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"), (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
        ] as [(Int64, String)])
    func totpVector(_ time: Int64, _ code: String) {
        let step = time / TOTP.stepSeconds
        let message = (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * $0)) }
        #expect(TOTP.truncate(TOTP.hmac(Self.secret, message), digits: 8) == code)
        #expect(TOTP.code(secret: Self.secret, step: step) == code.suffix(6))
        let found = TOTP.acceptableStep(of: String(code.suffix(6)), secret: Self.secret, now: time, after: step - 1)
        #expect(found == step)
    }

    struct Window: Sendable {
        /// Of the code, relative to now.
        var offset: Int64
        /// The last accepted step, relative to now.
        var last: Int64
        var isAccepted: Bool
    }

    @Test(arguments: [
        Window(offset: -2, last: -9, isAccepted: false), Window(offset: -1, last: -9, isAccepted: true),
        Window(offset: 0, last: -9, isAccepted: true), Window(offset: 1, last: -9, isAccepted: true),
        Window(offset: 2, last: -9, isAccepted: false), Window(offset: 0, last: 0, isAccepted: false),
        Window(offset: -1, last: 0, isAccepted: false), Window(offset: 1, last: 0, isAccepted: true),
        Window(offset: 0, last: -1, isAccepted: true),
    ])
    func window(sample: Window) {
        let current: Int64 = 1_000_000
        for second in [0, 29] as [Int64] {
            let step = TOTP.acceptableStep(
                of: TOTP.code(secret: Self.secret, step: current + sample.offset), secret: Self.secret,
                now: current * 30 + second, after: current + sample.last)
            #expect(step == (sample.isAccepted ? current + sample.offset : nil))
        }
    }

    @Test(arguments: ["", "12345", "1234567", "12345a", "１２３４５６", "12 345", "-12345"])
    func isNoCode(_ text: String) {
        #expect(!TOTP.isCode(text))
        #expect(TOTP.acceptableStep(of: text, secret: Self.secret, now: 59, after: 0) == nil)
    }

    @Test func url() {
        let url = TOTP.url(secret: Self.secret, issuer: "chat.example", account: "ann b")
        #expect(
            url == "otpauth://totp/chat.example:ann%20b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=chat.example"
                + "&algorithm=SHA1&digits=6&period=30")
        #expect(TOTP.newSecret().count == 20 && TOTP.newSecret() != TOTP.newSecret())
    }

    /// RFC 4648 §10 without padding.
    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ])
    func base32(_ text: String, _ expected: String) {
        #expect(Base32.encode(Array(text.utf8)) == expected)
    }

    @Test func recoveryCodes() throws {
        let code = RecoveryCode.new()
        #expect(try /[a-z2-7]{4}(-[a-z2-7]{4}){5}/.wholeMatch(in: code) != nil)
        #expect(code != RecoveryCode.new() && !TOTP.isCode(code))
        let typed = code.uppercased().map { $0 == "-" ? " " : String($0) }.joined()
        #expect(RecoveryCode.digest(typed) == RecoveryCode.digest(code))
        #expect(RecoveryCode.digest(String(code.dropLast())) != RecoveryCode.digest(code))
        let password = Secrets.temporaryPassword()
        #expect(password.count == 20 && PasswordPolicy.check(password) == nil)
    }
}
