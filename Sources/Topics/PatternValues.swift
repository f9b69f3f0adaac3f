/// Fills the variables of `acl` patterns.
struct PatternValues {
    private let userID: [UInt8]
    private let clientID: [UInt8]

    init(userID: Int64, clientID: [UInt8]) {
        self.userID = Array(String(userID).utf8)
        self.clientID = clientID
    }

    /// Nil: the pattern grants nothing.
    func allowing(_ pattern: String) -> TopicFilter? {
        guard let bytes = fill(pattern, unsafeLevel: nil), let filter = try? TopicFilter(validating: bytes),
            !filter.isShared
        else { return nil }
        // A value must not lead into `$` topics, which wildcards leave out for a reason.
        if bytes[0] == UInt8(ascii: "$"), Array(pattern.utf8.prefix(2)) == Array("${".utf8) { return nil }
        return filter
    }

    /// Nil: the pattern can't be understood, and everything is to be denied.
    func denying(_ pattern: String) -> TopicFilter? {
        guard let bytes = fill(pattern, unsafeLevel: [Level.single]) else { return nil }
        return try? TopicFilter(validating: bytes).unshared
    }

    /// The pattern with its variables filled in, each once: values are not searched for variables. A level whose value
    /// is not safe or not known becomes `unsafeLevel`, or the whole is nil.
    private func fill(_ pattern: String, unsafeLevel: [UInt8]?) -> [UInt8]? {
        var result: [UInt8] = []
        let levels = Array(pattern.utf8).split(separator: Level.separator, omittingEmptySubsequences: false)
        for (index, level) in levels.enumerated() {
            if index > 0 { result.append(Level.separator) }
            guard let filled = fill(level: level) ?? unsafeLevel else { return nil }
            result.append(contentsOf: filled)
        }
        return result
    }

    private func fill(level: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = level
        while let start = Self.variableStart(rest) {
            result.append(contentsOf: rest[rest.startIndex..<start])
            guard let end = rest[start...].firstIndex(of: UInt8(ascii: "}")),
                let value = value(of: rest[start + 2..<end])
            else { return nil }
            result.append(contentsOf: value)
            rest = rest[(end + 1)...]
        }
        result.append(contentsOf: rest)
        return result
    }

    private static func variableStart(_ bytes: ArraySlice<UInt8>) -> Int? {
        bytes.indices.first {
            bytes[$0] == UInt8(ascii: "$") && $0 + 1 < bytes.endIndex && bytes[$0 + 1] == UInt8(ascii: "{")
        }
    }

    private func value(of name: ArraySlice<UInt8>) -> [UInt8]? {
        if name.elementsEqual("sub".utf8) { return userID }
        guard name.elementsEqual("clientid".utf8), !clientID.isEmpty else { return nil }
        let isSafe = clientID.allSatisfy {
            $0 != 0 && $0 != Level.single && $0 != Level.multi && $0 != Level.separator
        }
        return isSafe ? clientID : nil
    }
}
