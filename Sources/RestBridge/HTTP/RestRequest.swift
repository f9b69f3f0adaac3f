import Identity
import Transport

/// A request on its way through its handler.
struct RestRequest: Sendable {
    let http: HTTPRequest
    let requestID: String
    /// Decoded parts of the path, by the names in the route's pattern.
    let parameters: [String: String]
    /// Who asks; nil only on routes that need no token.
    var caller: Caller?

    /// - Precondition: the route requires a token.
    var userID: Int64 {
        guard let caller else { preconditionFailure("the route has no caller") }
        return caller.userID
    }

    /// Where the client is, as far as limits tell clients apart. All that have no address are one.
    var network: PeerAddress {
        (PeerAddress(parsing: http.peerAddress) ?? PeerAddress(high: 0, low: 0)).network
    }

    /// A part of the path.
    func text(_ name: String) -> String {
        guard let text = parameters[name] else { preconditionFailure("the pattern has no \(name)") }
        return text
    }

    /// A part of the path that is an id. What is no id names nothing, hence 404.
    func id(_ name: String) throws(Problem) -> Int64 {
        guard let id = parseID(text(name)) else { throw .notFound }
        return id
    }

    /// The versions that `If-Match` allows (RFC 9110 §13.1.1), nil for any. Tags that we never gave, weak ones among them, match nothing.
    var versionsToMatch: [Int64]? {
        guard let header = http.header("if-match") else { return nil }
        if header == "*" { return nil }
        return header.split(separator: ",").compactMap { part -> Int64? in
            let tag = trimmed(part)
            guard tag.utf8.count > 3, tag.hasPrefix("\"v"), tag.hasSuffix("\"") else { return nil }
            return parseID(String(tag.dropFirst(2).dropLast()))
        }
    }
}

/// Who a request comes from.
struct Caller: Sendable {
    var userID: Int64
    var sessionID: Int64?
    /// What the token is for; of a bot never `user`, whatever the token says.
    var scopes: Scopes
    /// The token's rights on topics, if it has any.
    var acl: AccessList?

    init(_ claims: Claims, isBot: Bool) {
        userID = claims.userID
        sessionID = claims.sessionID
        scopes = isBot ? claims.scopes.subtracting(.user).union(.bot) : claims.scopes
        acl = claims.acl
    }
}

/// An id in its one spelling: decimal, positive, below 2^63, no leading zero.
func parseID(_ text: String) -> Int64? {
    guard let first = text.utf8.first, UInt8(ascii: "1")...UInt8(ascii: "9") ~= first else { return nil }
    return parseNumber(text)
}

/// A number of digits only, at most 2^63 - 1.
func parseNumber(_ text: String) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
    return Int64(text)
}

/// Without spaces and tabs at both ends.
func trimmed(_ text: Substring) -> Substring {
    var rest = text.utf8
    while let first = rest.first, isBlank(first) { rest.removeFirst() }
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    return Substring(rest)
}

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
