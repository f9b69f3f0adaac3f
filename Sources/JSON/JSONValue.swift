/// A parsed JSON text. Numbers keep their text, so that no id or amount is rounded.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// Parses a whole text (RFC 8259): UTF-8, at most `depthMax` levels, no repeated names, no U+0000, no lone
    /// surrogates.
    package init(parsing bytes: [UInt8], depthMax: Int = 32) throws(JSONError) {
        try self.init(parsing: bytes.span, depthMax: depthMax)
    }

    package init(parsing bytes: Span<UInt8>, depthMax: Int = 32) throws(JSONError) {
        var scanner = JSONScanner(depthMax: depthMax)
        let first = try scanner.next(bytes)
        self = try JSONValue.build(from: first, &scanner, bytes)
        try scanner.finish(bytes)
    }

    /// The value of that name; names are compared byte by byte, since Swift's `==` finds some that differ equal (U+212A
    /// and `K`).
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    package var isNull: Bool { if case .null = self { true } else { false } }

    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    package var string: String? { if case .string(let value) = self { value } else { nil } }

    package var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    package var object: [JSONMember]? { if case .object(let value) = self { value } else { nil } }

    /// An integer literal within range, exactly; nil for `1.0` and `1e3` too, so that nothing is ever rounded.
    package var int64: Int64? {
        guard case .number(let text) = self else { return nil }
        let bytes = Array(text.utf8)
        return decodeInteger(bytes.span, bytes.indices)
    }

    /// As deep as the scanner lets a text be, no deeper: the recursion is bounded by `depthMax`.
    private static func build(
        from token: JSONToken, _ scanner: inout JSONScanner, _ bytes: Span<UInt8>
    ) throws(JSONError) -> JSONValue {
        switch token {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .number(let range): return .number(makeString(bytes, range))
        case .string(let range, let isEscaped): return .string(makeString(bytes, range, isEscaped))
        case .beginArray: return .array(try elements(&scanner, bytes))
        case .beginObject: return .object(try members(&scanner, bytes))
        case .name, .endArray, .endObject: preconditionFailure("the scanner gave \(token) for a value")
        }
    }

    private static func elements(
        _ scanner: inout JSONScanner, _ bytes: Span<UInt8>
    ) throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        while true {
            let token = try scanner.next(bytes)
            if case .endArray = token { return elements }
            elements.append(try build(from: token, &scanner, bytes))
        }
    }

    private static func members(
        _ scanner: inout JSONScanner, _ bytes: Span<UInt8>
    ) throws(JSONError) -> [JSONMember] {
        var members: [JSONMember] = []
        while case .name(let range, let isEscaped) = try scanner.next(bytes) {
            let first = try scanner.next(bytes)
            let value = try build(from: first, &scanner, bytes)
            members.append(JSONMember(makeString(bytes, range, isEscaped), value))
        }
        return members
    }
}

package struct JSONMember: Sendable {
    package var name: String
    package var value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}
