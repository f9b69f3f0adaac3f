/// What a token is for (protocol.md §4): the names in its `scope` claim.
package struct Scopes: OptionSet, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let user = Scopes(rawValue: 1)
    package static let bot = Scopes(rawValue: 2)
    package static let service = Scopes(rawValue: 4)
    package static let admin = Scopes(rawValue: 8)

    private static let named: [(scope: Scopes, name: String)] = [
        (.user, "user"), (.bot, "bot"), (.service, "service"), (.admin, "admin"),
    ]

    /// Names separated by spaces (RFC 6749 §3.3); those that mean nothing here are left out.
    package init(names: String) {
        self.init()
        for name in names.split(separator: " ") {
            for entry in Self.named where entry.name == name { insert(entry.scope) }
        }
    }

    /// nil where a name means nothing here, or none is there: for what people write.
    package init?(validating names: String) {
        self.init()
        for name in names.split(separator: " ") {
            guard let entry = Self.named.first(where: { $0.name == name }) else { return nil }
            insert(entry.scope)
        }
        if isEmpty { return nil }
    }

    package var names: String {
        Self.named.filter { contains($0.scope) }.map(\.name).joined(separator: " ")
    }
}
