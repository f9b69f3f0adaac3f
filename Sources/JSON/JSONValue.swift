/// A parsed JSON text. Numbers keep their text, so that no id or amount is rounded.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// Parses a whole text (RFC 8259): UTF-8, at most `depthMax` levels, no repeated names, no U+0000, no lone surrogates.
    package init(parsing bytes: [UInt8], depthMax: Int = 32) throws(JSONError) {
        fatalError("replaced by the JSON work")
    }

    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }
}

package struct JSONMember: Equatable, Sendable {
    package var name: String
    package var value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}

/// A member of an object found by `scanObject`: where its value stands in the bytes.
package struct JSONRange: Equatable, Sendable {
    package enum Kind: Sendable, Equatable { case null, bool, number, string, array, object }

    package var name: String
    package var kind: Kind
    /// The value's bytes, quotes and brackets included.
    package var range: Range<Int>

    package init(name: String, kind: Kind, range: Range<Int>) {
        self.name = name
        self.kind = kind
        self.range = range
    }
}

/// Checks a whole text that must be one object, with the same rules as `JSONValue.init`, and lists its members without building values.
/// For the message path: what is passed on is copied from `bytes` as it stands.
package func scanObject(_ bytes: Span<UInt8>, depthMax: Int = 32) throws(JSONError) -> [JSONRange] {
    fatalError("replaced by the JSON work")
}
