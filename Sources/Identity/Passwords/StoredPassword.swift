/// A password's hash as it is stored, in the shape of the PHC string format: `$scrypt$ln=16,r=8,p=2$SALT$HASH`, both
/// base64url.
struct StoredPassword: Equatable {
    static let saltBytes = 16
    static let hashBytes = 32

    var parameters: Scrypt
    var salt: [UInt8]
    var hash: [UInt8]

    init(parameters: Scrypt, salt: [UInt8], hash: [UInt8]) {
        self.parameters = parameters
        self.salt = salt
        self.hash = hash
    }

    /// Nil for anything that `text` did not write, or with parameters out of reason.
    init?(parsing text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let salt = Base64URL.decode(parts[3].utf8), let hash = Base64URL.decode(parts[4].utf8),
            (8...64).contains(salt.count), (16...64).contains(hash.count)
        else { return nil }
        let settings = parts[2].split(separator: ",", omittingEmptySubsequences: false)
        guard settings.count == 3, let costExponent = Self.value(settings[0], of: "ln="),
            let blockSize = Self.value(settings[1], of: "r="), let parallelism = Self.value(settings[2], of: "p=")
        else { return nil }
        parameters = Scrypt(costExponent: costExponent, blockSize: blockSize, parallelism: parallelism)
        guard parameters.isReasonable else { return nil }
        self.salt = salt
        self.hash = hash
    }

    var text: String {
        let settings = "ln=\(parameters.costExponent),r=\(parameters.blockSize),p=\(parameters.parallelism)"
        return "$scrypt$\(settings)$\(Base64URL.encode(salt))$\(Base64URL.encode(hash))"
    }

    private static func value(_ setting: Substring, of name: String) -> Int? {
        setting.hasPrefix(name) ? Int(setting.dropFirst(name.utf8.count)) : nil
    }
}
