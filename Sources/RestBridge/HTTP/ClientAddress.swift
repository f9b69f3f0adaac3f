import Transport

/// Finds out for whom a proxy asks (`--trusted-proxy`): X-Forwarded-For counts only as far as those wrote it who are trusted.
package struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]

    package init(_ ranges: [AddressRange]) { self.ranges = ranges }

    /// The address of the client: the last one in the header that is no trusted proxy's, if the request came from a trusted one.
    func client(of request: HTTPRequest) -> String {
        guard !ranges.isEmpty, isTrusted(request.peerAddress) else { return request.peerAddress }
        let chain = request.headers.filter { $0.name == "x-forwarded-for" }
            .flatMap { $0.value.split(separator: ",", omittingEmptySubsequences: false) }
        var client = request.peerAddress
        for entry in chain.reversed() {
            guard let address = Self.address(trimmed(entry)) else { break }
            client = address.description
            if !isTrusted(client) { break }
        }
        return client
    }

    /// Whether a trusted proxy says that the client came over TLS.
    func saysSecure(_ request: HTTPRequest) -> Bool {
        guard !ranges.isEmpty, isTrusted(request.peerAddress) else { return false }
        return request.header("x-forwarded-proto")?.lowercased() == "https"
    }

    private func isTrusted(_ text: String) -> Bool {
        guard let address = PeerAddress(parsing: text) else { return false }
        return ranges.contains { $0.contains(address) }
    }

    /// Some proxies add the port, and then brackets around IPv6.
    private static func address(_ entry: Substring) -> PeerAddress? {
        if let address = PeerAddress(parsing: String(entry)) { return address }
        if entry.first == "[", let end = entry.firstIndex(of: "]") {
            return PeerAddress(parsing: String(entry[entry.index(after: entry.startIndex)..<end]))
        }
        return entry.firstIndex(of: ":").flatMap { PeerAddress(parsing: String(entry[..<$0])) }
    }
}
