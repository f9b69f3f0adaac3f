/// A header field or trailer: its name in lower case, its value without the white space around it (RFC 9112 §5).
struct HTTPField {
    var name: String
    var value: String

    /// - Parameter line: without its end, not empty.
    init(parsing line: [UInt8]) throws(HTTPRejection) {
        precondition(!line.isEmpty, "an empty line ends the fields")
        if isBlank(line[0]) { throw .badRequest("A header field is folded.") }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw .badRequest("A header field has no colon.")
        }
        guard colon > 0, line[..<colon].allSatisfy(isToken) else {
            throw .badRequest("A header field's name is malformed.")
        }
        var start = colon + 1, end = line.count
        while start < end, isBlank(line[start]) { start += 1 }
        while start < end, isBlank(line[end - 1]) { end -= 1 }
        guard isFieldValue(line.span.extracting(start..<end)) else {
            throw .badRequest("A header field holds a control character.")
        }
        name = String(unsafeUninitializedCapacity: colon) { text in
            for index in 0..<colon { text.initializeElement(at: index, to: lowerCase(line[index])) }
            return colon
        }
        value = String(decoding: line[start..<end], as: UTF8.self)
    }

    /// The elements of a list (RFC 9110 §5.6.1), in lower case; empty ones are left out.
    static func elements(_ value: String) -> [String] {
        value.utf8.split(separator: UInt8(ascii: ",")).compactMap { element in
            var element = element
            while let first = element.first, isBlank(first) { element.removeFirst() }
            while let last = element.last, isBlank(last) { element.removeLast() }
            return element.isEmpty ? nil : String(decoding: element.map(lowerCase), as: UTF8.self)
        }
    }
}

/// The size at the beginning of a chunk's line (RFC 9112 §7.1); extensions are checked and ignored. Sizes that no `Int`
/// holds become its maximum, which is too large for any limit.
func chunkSize(_ line: [UInt8]) throws(HTTPRejection) -> Int {
    var size = 0
    var offset = 0
    while offset < line.count, let digit = hexValue(line[offset]) {
        size = size > Int.max >> 4 ? Int.max : size << 4 | Int(digit)
        offset += 1
    }
    guard 1...16 ~= offset else { throw .badRequest("A chunk's size is malformed.") }
    if offset == line.count { return size }
    while offset < line.count, isBlank(line[offset]) { offset += 1 }
    guard offset < line.count, line[offset] == UInt8(ascii: ";"), line[offset...].allSatisfy(isFieldValue) else {
        throw .badRequest("A chunk's size is malformed.")
    }
    return size
}

func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

/// RFC 9110 §5.5: visible characters, spaces, tabs and bytes above ASCII.
func isFieldValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t") }

/// Without an early exit, so that the compiler looks at many bytes at once.
func isFieldValue(_ text: Span<UInt8>) -> Bool {
    var isGood = true
    for index in text.indices { isGood = isGood && isFieldValue(text[unchecked: index]) }
    return isGood
}

/// RFC 9110 §5.6.2.
package func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
        UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: false
    }
}

func lowerCase(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
}

func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
