import Transport

/// A header's value with parameters: `form-data; name="file"; filename="a.png"` (RFC 9110 §5.6.6).
struct HeaderValue {
    /// In lower case.
    var value: String
    /// Names in lower case.
    private var parameters: [(name: String, value: String)] = []

    /// Nil if it is malformed, or names a parameter twice.
    init?(_ text: String) {
        var rest = Substring(text)
        value = trimmed(rest.prefix { $0 != ";" }).lowercased()
        rest = rest.drop { $0 != ";" }
        while !rest.isEmpty {
            rest = Self.skipBlanks(rest.dropFirst())
            // An empty parameter is allowed.
            if rest.isEmpty || rest.first == ";" { continue }
            guard let parameter = Self.takeParameter(&rest), self[parameter.name] == nil else { return nil }
            parameters.append(parameter)
            rest = Self.skipBlanks(rest)
            guard rest.isEmpty || rest.first == ";" else { return nil }
        }
    }

    subscript(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

    private static func takeParameter(_ rest: inout Substring) -> (name: String, value: String)? {
        let name = rest.prefix { $0 != "=" && $0 != ";" }
        rest = rest.dropFirst(name.count)
        guard !name.isEmpty, name.utf8.allSatisfy(isToken), rest.first == "=" else { return nil }
        rest = rest.dropFirst()
        guard rest.first == "\"" else {
            let token = rest.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
            rest = rest.dropFirst(token.count)
            guard !token.isEmpty, token.utf8.allSatisfy({ isToken($0) || $0 >= 0x80 }) else { return nil }
            return (name.lowercased(), String(token))
        }
        rest = rest.dropFirst()
        return takeQuoted(&rest).map { (name.lowercased(), $0) }
    }

    /// Backslashes escape quotes and themselves only: Windows paths are sent with plain ones.
    private static func takeQuoted(_ rest: inout Substring) -> String? {
        var value = ""
        while let character = rest.popFirst() {
            if character == "\"" { return value }
            if character == "\\", let next = rest.first, next == "\"" || next == "\\" {
                value.append(next)
                rest = rest.dropFirst()
            } else {
                value.append(character)
            }
        }
        return nil
    }

    private static func skipBlanks(_ text: Substring) -> Substring { text.drop { $0 == " " || $0 == "\t" } }
}

/// RFC 9110 §8.3.1: two tokens and a slash.
func isMediaType(_ text: String) -> Bool {
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(isToken) } && text.utf8.count <= 127
}
