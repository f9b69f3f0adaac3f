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

/// Checks a whole text that must be one object, with the same rules as `JSONValue.init`, and lists its members without
/// building values. For the message path: what is passed on is copied from `bytes` as it stands.
package func scanObject(_ bytes: Span<UInt8>, depthMax: Int = 32) throws(JSONError) -> [JSONRange] {
    var scanner = JSONScanner(depthMax: depthMax)
    guard case .beginObject = try scanner.next(bytes) else {
        throw JSONError(.unexpectedCharacter, at: scanner.tokenStart)
    }
    var members: [JSONRange] = []
    members.reserveCapacity(8)
    while case .name(let nameRange, let isEscaped) = try scanner.next(bytes) {
        let kind: JSONRange.Kind
        let name = makeString(bytes, nameRange, isEscaped)
        let token = try scanner.next(bytes, in: name)
        let start = scanner.tokenStart
        switch token {
        case .null: kind = .null
        case .bool: kind = .bool
        case .number: kind = .number
        case .string: kind = .string
        case .beginArray: kind = .array
        case .beginObject: kind = .object
        case .name, .endArray, .endObject: preconditionFailure("the scanner gave \(token) for a value")
        }
        while scanner.depth > 1 { _ = try scanner.next(bytes, in: name) }
        members.append(JSONRange(name: name, kind: kind, range: start..<scanner.offset))
    }
    try scanner.finish(bytes)
    return members
}

extension JSONScanner {
    /// The next token; an error tells the member of the outermost object in which it happened.
    fileprivate mutating func next(_ bytes: Span<UInt8>, in member: String) throws(JSONError) -> JSONToken {
        do throws(JSONError) {
            return try next(bytes)
        } catch {
            var error = error
            error.member = member
            throw error
        }
    }
}
