/// The characters of a string literal that `scanObject` found, as UTF-8.
/// - Parameter range: the literal, quotes included.
package func decodeString(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    precondition(range.count >= 2 && bytes[range.lowerBound] == UInt8(ascii: "\""), "not a string's range")
    var text: [UInt8] = []
    text.reserveCapacity(range.count - 2)
    var offset = range.lowerBound + 1
    let end = range.upperBound - 1
    while offset < end {
        let byte = bytes[offset]
        if byte == UInt8(ascii: "\\") {
            offset = appendEscape(bytes, from: offset, to: &text)
        } else {
            text.append(byte)
            offset += 1
        }
    }
    return text
}

/// An integer literal's exact value; nil when it has a fraction or an exponent or does not fit.
package func decodeInteger(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    var digits = range
    let isNegative = !range.isEmpty && bytes[range.lowerBound] == UInt8(ascii: "-")
    if isNegative { digits = range.lowerBound + 1..<range.upperBound }
    guard !digits.isEmpty else { return nil }
    var value: Int64 = 0
    for offset in digits {
        let digit = bytes[offset] &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        // Counted downwards, since the lowest number has no positive twin.
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (difference, underflow) = product.subtractingReportingOverflow(Int64(digit))
        if overflow || underflow { return nil }
        value = difference
    }
    if isNegative { return value }
    return value == .min ? nil : -value
}

/// A literal's text that the scanner has checked; for strings the range includes the quotes.
func makeString(_ bytes: Span<UInt8>, _ range: Range<Int>, _ isEscaped: Bool) -> String {
    if isEscaped { return String(decoding: decodeString(bytes, range), as: UTF8.self) }
    return makeString(bytes, range.lowerBound + 1..<range.upperBound - 1)
}

func makeString(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    do {
        return String(copying: try UTF8Span(validating: bytes.extracting(range)))
    } catch {
        preconditionFailure("the scanner let through what is not UTF-8: \(error)")
    }
}

/// Decodes the escape at `start`, which the scanner has checked; returns where it ends.
private func appendEscape(_ bytes: Span<UInt8>, from start: Int, to text: inout [UInt8]) -> Int {
    switch bytes[start + 1] {
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
        let unit = decodeUnit(bytes, from: start + 2)
        guard 0xD800...0xDFFF ~= unit else {
            appendScalar(unit, to: &text)
            return start + 6
        }
        let low = decodeUnit(bytes, from: start + 8)
        appendScalar(0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF, to: &text)
        return start + 12
    case let character: text.append(character)
    }
    return start + 2
}

private func decodeUnit(_ bytes: Span<UInt8>, from start: Int) -> UInt32 {
    var unit: UInt32 = 0
    for offset in start..<start + 4 {
        guard let digit = hexDigit(bytes[offset]) else { preconditionFailure("the scanner let through a bad escape") }
        unit = unit << 4 | digit
    }
    return unit
}

private func appendScalar(_ value: UInt32, to text: inout [UInt8]) {
    guard let scalar = Unicode.Scalar(value) else { preconditionFailure("the scanner let through a lone surrogate") }
    text.append(contentsOf: UTF8.encode(scalar)!)
}
