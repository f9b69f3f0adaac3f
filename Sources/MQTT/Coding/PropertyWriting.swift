import Memory

/// Properties are written as raw bytes, so that a caller with a scratch array allocates nothing for them.
extension Array where Element == UInt8 {
    package mutating func appendProperty(_ id: PropertyID, flag value: Bool) {
        precondition(id.form == .flag)
        append(id.rawValue)
        append(value ? 1 : 0)
    }

    package mutating func appendProperty(_ id: PropertyID, number value: UInt32) {
        append(id.rawValue)
        switch id.form {
        case .uint16:
            precondition(value <= 65_535)
            append(uint16: UInt16(value))
        case .uint32: append(uint32: value)
        case .variableInteger: append(variableInteger: Int(value))
        case .flag, .string, .topicName, .binary, .stringPair: preconditionFailure("the property is not a number")
        }
    }

    package mutating func appendProperty(_ id: PropertyID, bytes value: Span<UInt8>) {
        precondition(id.form == .string || id.form == .topicName || id.form == .binary)
        append(id.rawValue)
        append(prefixed: value)
    }

    package mutating func appendProperty(_ id: PropertyID, text value: String) {
        appendProperty(id, bytes: Array(value.utf8).span)
    }

    package mutating func appendUserProperty(name: Span<UInt8>, value: Span<UInt8>) {
        append(PropertyID.userProperty.rawValue)
        append(prefixed: name)
        append(prefixed: value)
    }

    /// Allocates nothing while both are short.
    package mutating func appendUserProperty(_ name: String, _ value: String) {
        append(PropertyID.userProperty.rawValue)
        appendPrefixed(name)
        appendPrefixed(value)
    }

    /// A number in decimal.
    package mutating func appendUserProperty(_ name: String, _ number: Int64) {
        append(PropertyID.userProperty.rawValue)
        appendPrefixed(name)
        let start = count
        append(uint16: 0)
        append(decimal: number)
        self[start + 1] = UInt8(count - start - 2)
    }

    package mutating func appendUserProperty(_ property: UserProperty) {
        appendUserProperty(name: property.name.span, value: property.value.span)
    }

    mutating func appendPrefixed(_ text: String) {
        let count = text.utf8.count
        precondition(count <= 65_535, "a string has at most 65,535 bytes")
        append(uint16: UInt16(count))
        append(contentsOf: text.utf8)
    }
}
