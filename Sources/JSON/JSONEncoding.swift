import Memory

/// Appends a string literal, quotes included.
package func appendJSONString(_ value: String, to bytes: inout [UInt8]) {
    appendJSONString(utf8: value.utf8.span, to: &bytes)
}

/// Appends a string literal made of UTF-8 that is known to be valid, quotes included.
package func appendJSONString(utf8 value: Span<UInt8>, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    if value.contains(below: 0x20, or: UInt8(ascii: "\""), or: UInt8(ascii: "\\")) {
        for index in value.indices { appendEscaped(value[index], to: &bytes) }
    } else {
        bytes.append(span: value)
    }
    bytes.append(UInt8(ascii: "\""))
}

private func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
    guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { return bytes.append(byte) }
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x00..<0x20:
        bytes.append(contentsOf: "u00".utf8)
        bytes.append(UInt8(ascii: "0") + byte >> 4)
        let low = byte & 0x0F
        bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
    default: bytes.append(byte)
    }
}
