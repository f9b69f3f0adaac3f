// The grammar of strings and numbers (RFC 8259 §6 and §7): where a literal ends.

/// The end of the string that begins with the quote at `start`.
func stringEnd(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> (end: Int, isEscaped: Bool) {
    var offset = start + 1
    var isEscaped = false
    while offset < bytes.count {
        let byte = bytes[offset]
        if byte == UInt8(ascii: "\"") { return (offset + 1, isEscaped) }
        if byte == UInt8(ascii: "\\") {
            isEscaped = true
            offset = try escapeEnd(bytes, from: offset)
        } else if byte < 0x20 {
            throw JSONError(.controlCharacter, at: offset)
        } else if byte < 0x80 {
            offset += 1
        } else {
            offset = try multibyteEnd(bytes, from: offset)
        }
    }
    throw JSONError(.unexpectedEnd, at: bytes.count)
}

/// The end of the escape that begins with the backslash at `start`; both halves, if it is a surrogate pair.
private func escapeEnd(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> Int {
    guard start + 1 < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    switch bytes[start + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
        UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
        return start + 2
    case UInt8(ascii: "u"):
        break
    default:
        throw JSONError(.badEscape, at: start)
    }
    let unit = try hexUnit(bytes, from: start)
    if unit == 0 { throw JSONError(.nulCharacter, at: start) }
    guard 0xD800...0xDFFF ~= unit else { return start + 6 }
    let second = start + 6
    guard unit < 0xDC00 else { throw JSONError(.loneSurrogate, at: start) }
    guard second < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    guard bytes[second] == UInt8(ascii: "\\") else { throw JSONError(.loneSurrogate, at: start) }
    guard second + 1 < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    guard bytes[second + 1] == UInt8(ascii: "u") else { throw JSONError(.loneSurrogate, at: start) }
    guard 0xDC00...0xDFFF ~= (try hexUnit(bytes, from: second)) else { throw JSONError(.loneSurrogate, at: start) }
    return second + 6
}

/// The four hexadecimal digits of the `\u` escape that begins at `start`.
private func hexUnit(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for offset in start + 2..<start + 6 {
        guard offset < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
        guard let digit = hexDigit(bytes[offset]) else { throw JSONError(.badEscape, at: start) }
        unit = unit << 4 | digit
    }
    return unit
}

func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}

/// The end of the character of two to four bytes at `start` (RFC 3629 §4): no overlong forms, no surrogates, nothing
/// above U+10FFFF.
private func multibyteEnd(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> Int {
    let length: Int
    var secondByte: ClosedRange<UInt8> = 0x80...0xBF
    switch bytes[start] {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, secondByte) = (3, 0xA0...0xBF)
    case 0xED: (length, secondByte) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, secondByte) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, secondByte) = (4, 0x80...0x8F)
    default: throw JSONError(.notUTF8, at: start)
    }
    guard start + length <= bytes.count, secondByte ~= bytes[start + 1] else { throw JSONError(.notUTF8, at: start) }
    for offset in start + 2..<max(start + length, start + 2) where bytes[offset] & 0xC0 != 0x80 {
        throw JSONError(.notUTF8, at: start)
    }
    return start + length
}

/// The end of the number that begins at `start` with a minus sign or a digit; errors stand where the grammar breaks.
func numberEnd(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> Int {
    var offset = start
    if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "0") {
        offset += 1
        if offset < bytes.count, isDigit(bytes[offset]) { throw JSONError(.badNumber, at: offset) }
    } else {
        offset = try digitsEnd(bytes, from: offset)
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") { offset = try digitsEnd(bytes, from: offset + 1) }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
        offset += 1
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
            offset += 1
        }
        offset = try digitsEnd(bytes, from: offset)
    }
    return offset
}

/// The end of at least one digit.
private func digitsEnd(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> Int {
    var offset = start
    while offset < bytes.count, isDigit(bytes[offset]) { offset += 1 }
    guard offset > start else { throw JSONError(.badNumber, at: offset) }
    return offset
}

private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
