/// Codes that stand in for a lost authenticator, each good once: 120 random bits, as `abcd-efgh-…` in six groups.
package enum RecoveryCode {
    package static let count = 10
    private static let bytes = 15
    private static let groupLength = 4

    package static func new() -> String {
        let text = Array(Base32.encode(Secrets.randomBytes(bytes)).lowercased())
        return stride(from: 0, to: text.count, by: groupLength)
            .map { String(text[$0..<min($0 + groupLength, text.count)]) }.joined(separator: "-")
    }

    /// What is stored of one. Case, spaces and hyphens don't count: people type them.
    package static func digest(_ code: String) -> [UInt8] {
        let plain = code.lowercased().utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: " ") }
        return Secrets.sha256(Array(plain))
    }
}
