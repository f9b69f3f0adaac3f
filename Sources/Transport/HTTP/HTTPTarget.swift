/// A request's target (RFC 9112 §3.2), in origin, absolute or asterisk form.
struct HTTPTarget: Sendable {
    /// Begins with `/`, or is `*`.
    var path = "/"
    var query = ""
    /// Host and port of a target in absolute form.
    var authority: String?

    init() {}

    init(parsing target: [UInt8], method: String) throws(HTTPRejection) {
        guard !target.isEmpty, target.allSatisfy({ 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "#") }) else {
            throw .badRequest("The target is malformed.")
        }
        if target == Array("*".utf8), method == "OPTIONS" {
            path = "*"
            return
        }
        var rest = target[...]
        if rest.first != UInt8(ascii: "/") {
            guard let scheme = ["http://", "https://"].first(where: { Self.hasPrefix(rest, $0) }) else {
                throw .badRequest("The target is malformed.")
            }
            rest = rest.dropFirst(scheme.utf8.count)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
            guard Self.isAuthority(Array(rest[..<end])) else { throw .badRequest("The target's host is malformed.") }
            authority = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[end...]
        }
        let mark = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        // Only an absolute form can have no path; it means the root.
        path = mark == rest.startIndex ? "/" : String(decoding: rest[..<mark], as: UTF8.self)
        query = String(decoding: rest[mark...].dropFirst(), as: UTF8.self)
    }

    /// A host and perhaps a port (RFC 3986 §3.2), without user information.
    static func isAuthority(_ bytes: [UInt8]) -> Bool {
        var host = bytes[...]
        if host.first == UInt8(ascii: "[") {
            guard let end = host.firstIndex(of: UInt8(ascii: "]")), end > 1 else { return false }
            guard
                host[1..<end].allSatisfy({ hexValue($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return false }
            return isPort(host[(end + 1)...])
        }
        let colon = host.firstIndex(of: UInt8(ascii: ":")) ?? host.endIndex
        let port = host[colon...]
        host = host[..<colon]
        return !host.isEmpty && host.allSatisfy(isHostCharacter) && isPort(port)
    }

    /// Nothing, or a colon and up to five digits.
    private static func isPort(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first else { return true }
        let digits = bytes.dropFirst()
        return first == UInt8(ascii: ":") && digits.count <= 5
            && digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    }

    /// `reg-name` of RFC 3986 §3.2.2.
    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "#"): false
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: "="): true
        default: isToken(byte)
        }
    }

    private static func hasPrefix(_ bytes: ArraySlice<UInt8>, _ prefix: String) -> Bool {
        bytes.prefix(prefix.utf8.count).map(lowerCase).elementsEqual(prefix.utf8)
    }
}
