/// Where a web page comes from (RFC 6454): what browsers say in `Origin`. Two are equal if scheme, host and port are.
package struct WebOrigin: Hashable, Sendable {
    private let scheme: String
    private let host: String
    /// nil: the scheme's own, where it has one.
    private let port: UInt16?

    /// An origin as it stands in the header: `https://chat.example.com:8443`; nil for anything else, `null` included.
    package init?(_ text: String) {
        guard let (origin, rest) = Self.parse(text), rest.isEmpty else { return nil }
        self = origin
    }

    /// The origin of what is found under a URL.
    package init?(ofURL url: String) {
        guard let (origin, rest) = Self.parse(url), rest.isEmpty || rest.first == UInt8(ascii: "/") else { return nil }
        self = origin
    }

    /// True for an address or `localhost`. A page of such an origin was loaded from there; one of a name may have been loaded from
    /// elsewhere before somebody let the name point here (DNS rebinding).
    package var isNumeric: Bool {
        host == "localhost" || host.hasPrefix("[")
            || host.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: ".") }
    }

    /// Its pages come over TLS.
    package var isSecure: Bool { scheme == "https" }

    private init(scheme: String, host: String, port: UInt16?) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    /// - Returns: the origin, and what follows it.
    private static func parse(_ text: String) -> (WebOrigin, rest: ArraySlice<UInt8>)? {
        let bytes = text.utf8.map(lowerCase)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            bytes[..<colon].allSatisfy(isSchemeCharacter), bytes[colon...].starts(with: "://".utf8)
        else { return nil }
        let start = colon + 3
        let end = bytes[start...].firstIndex { [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) }
        let authority = bytes[start..<(end ?? bytes.endIndex)]
        guard HTTPTarget.isAuthority(Array(authority)) else { return nil }
        let scheme = String(decoding: bytes[..<colon], as: UTF8.self)
        var host = authority
        var port: UInt16?
        // The colons of an IPv6 address stand before its bracket.
        if let mark = authority.lastIndex(of: UInt8(ascii: ":")), !authority[mark...].contains(UInt8(ascii: "]")) {
            host = authority[..<mark]
            let digits = authority[(mark + 1)...]
            if !digits.isEmpty {
                guard let number = UInt16(String(decoding: digits, as: UTF8.self)) else { return nil }
                port = number == defaultPort(scheme) ? nil : number
            }
        }
        let origin = WebOrigin(scheme: scheme, host: String(decoding: host, as: UTF8.self), port: port)
        return (origin, bytes[(end ?? bytes.endIndex)...])
    }

    private static func defaultPort(_ scheme: String) -> UInt16? {
        switch scheme {
        case "http": 80
        case "https": 443
        default: nil
        }
    }

    /// RFC 3986 §3.1; apps in web views have schemes of their own.
    private static func isSchemeCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
    }
}
