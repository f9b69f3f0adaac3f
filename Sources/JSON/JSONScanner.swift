/// What the scanner finds next; ranges of names and strings include the quotes.
enum JSONToken {
    case null
    case bool(Bool)
    case number(Range<Int>)
    case string(Range<Int>, isEscaped: Bool)
    case name(Range<Int>, isEscaped: Bool)
    case beginArray, endArray, beginObject, endObject
}

/// The one reader of JSON texts (RFC 8259): token by token over bytes that the caller keeps, in linear time, without
/// recursion.
struct JSONScanner {
    /// What the grammar allows at `offset`.
    private enum Expectation {
        /// Exits: any value's first token.
        case value
        /// After `[`. Exits: as `value`, or `endArray`.
        case elementOrEnd
        /// After `{`. Exits: `name`, `endObject`.
        case nameOrEnd
        /// After a value in a container. Exits: a comma and the next element or name, or the container's end.
        case commaOrEnd
        /// After the outermost value. Exits: none but `finish`.
        case nothing
    }

    /// Where the next token is looked for.
    private(set) var offset = 0
    /// Where the last token began.
    private(set) var tokenStart = 0
    private let depthMax: Int
    private var expectation = Expectation.value
    /// Open containers, outermost first: true for an object.
    private var containers: [Bool] = []
    private var names = JSONNames()

    init(depthMax: Int) {
        precondition(depthMax > 0, "a scalar is one level deep already")
        self.depthMax = depthMax
    }

    /// How many containers are open.
    var depth: Int { containers.count }

    /// The next token. Not to be called once the outermost value is complete.
    mutating func next(_ bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
        let byte = try nextByte(bytes)
        switch expectation {
        case .value:
            return try value(bytes, byte)
        case .elementOrEnd:
            return byte == UInt8(ascii: "]") ? close() : try value(bytes, byte)
        case .nameOrEnd:
            return byte == UInt8(ascii: "}") ? close() : try name(bytes, byte)
        case .commaOrEnd:
            let isObject = containers[containers.count - 1]
            if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return close() }
            guard byte == UInt8(ascii: ",") else { throw JSONError(.unexpectedCharacter, at: offset) }
            offset += 1
            let following = try nextByte(bytes)
            return isObject ? try name(bytes, following) : try value(bytes, following)
        case .nothing:
            preconditionFailure("the text's value is complete")
        }
    }

    /// Makes sure that only white space follows the value.
    mutating func finish(_ bytes: Span<UInt8>) throws(JSONError) {
        precondition(expectation == .nothing, "the text's value is not complete")
        skipWhiteSpace(bytes)
        if offset < bytes.count { throw JSONError(.trailingBytes, at: offset) }
    }

    private mutating func value(_ bytes: Span<UInt8>, _ first: UInt8) throws(JSONError) -> JSONToken {
        switch first {
        case UInt8(ascii: "\""):
            let (range, isEscaped) = try scanString(bytes)
            return complete(.string(range, isEscaped: isEscaped))
        case UInt8(ascii: "{"):
            return try open(isObject: true)
        case UInt8(ascii: "["):
            return try open(isObject: false)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let end = try numberEnd(bytes, from: offset)
            offset = end
            return complete(.number(tokenStart..<end))
        case UInt8(ascii: "t"):
            try literal(bytes, "true")
            return complete(.bool(true))
        case UInt8(ascii: "f"):
            try literal(bytes, "false")
            return complete(.bool(false))
        case UInt8(ascii: "n"):
            try literal(bytes, "null")
            return complete(.null)
        default:
            throw JSONError(.unexpectedCharacter, at: offset)
        }
    }

    /// A name and the colon behind it.
    private mutating func name(_ bytes: Span<UInt8>, _ first: UInt8) throws(JSONError) -> JSONToken {
        guard first == UInt8(ascii: "\"") else { throw JSONError(.unexpectedCharacter, at: offset) }
        let start = offset
        let (range, isEscaped) = try scanString(bytes)
        guard names.insert(bytes, range, isEscaped: isEscaped) else { throw JSONError(.repeatedName, at: start) }
        guard try nextByte(bytes) == UInt8(ascii: ":") else { throw JSONError(.unexpectedCharacter, at: offset) }
        offset += 1
        tokenStart = start
        expectation = .value
        return .name(range, isEscaped: isEscaped)
    }

    private mutating func open(isObject: Bool) throws(JSONError) -> JSONToken {
        guard containers.count < depthMax else { throw JSONError(.tooDeep, at: offset) }
        containers.append(isObject)
        offset += 1
        if isObject {
            names.beginObject()
            expectation = .nameOrEnd
            return .beginObject
        }
        expectation = .elementOrEnd
        return .beginArray
    }

    private mutating func close() -> JSONToken {
        offset += 1
        let isObject = containers.removeLast()
        if isObject { names.endObject() }
        return complete(isObject ? .endObject : .endArray)
    }

    private mutating func complete(_ token: JSONToken) -> JSONToken {
        expectation = containers.isEmpty ? .nothing : .commaOrEnd
        return token
    }

    /// Skips white space and looks at the byte behind it.
    private mutating func nextByte(_ bytes: Span<UInt8>) throws(JSONError) -> UInt8 {
        skipWhiteSpace(bytes)
        tokenStart = offset
        guard offset < bytes.count else { throw JSONError(.unexpectedEnd, at: offset) }
        return bytes[offset]
    }

    private mutating func skipWhiteSpace(_ bytes: Span<UInt8>) {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }

    private mutating func literal(_ bytes: Span<UInt8>, _ text: String) throws(JSONError) {
        for expected in text.utf8 {
            guard offset < bytes.count else { throw JSONError(.unexpectedEnd, at: offset) }
            guard bytes[offset] == expected else { throw JSONError(.unexpectedCharacter, at: offset) }
            offset += 1
        }
    }

    private mutating func scanString(
        _ bytes: Span<UInt8>
    ) throws(JSONError) -> (range: Range<Int>, isEscaped: Bool) {
        let start = offset
        let (end, isEscaped) = try stringEnd(bytes, from: start)
        offset = end
        return (start..<end, isEscaped)
    }
}
