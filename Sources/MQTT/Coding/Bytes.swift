extension Array where Element == UInt8 {
    /// Appends a copy of `bytes`; as fast as memcpy, which a loop of appends is not.
    @inline(__always)
    package mutating func append(copying bytes: Span<UInt8>) {
        // Nothing added to an empty array would still write a count of 0 into the storage that all empty arrays share.
        if bytes.isEmpty { return }
        append(addingCapacity: bytes.count) { output in
            output.append(repeating: 0, count: bytes.count)
            var target = output.mutableSpan
            for index in bytes.indices { target[index] = bytes[index] }
        }
    }

    /// A copy of `bytes` in `range`.
    package init(copying bytes: Span<UInt8>, _ range: Range<Int>) {
        self = []
        append(copying: bytes.extracting(range))
    }

    @inline(__always)
    mutating func append(uint16 value: UInt16) {
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }

    mutating func append(uint32 value: UInt32) {
        append(uint16: UInt16(truncatingIfNeeded: value >> 16))
        append(uint16: UInt16(truncatingIfNeeded: value))
    }

    @inline(__always)
    mutating func append(variableInteger value: Int) {
        precondition(value >= 0 && value <= VariableInteger.max)
        var value = value
        while value >= 0x80 {
            append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        append(UInt8(truncatingIfNeeded: value))
    }

    /// Two bytes of length, then the bytes (§1.5.4, §1.5.6).
    mutating func append(prefixed bytes: Span<UInt8>) {
        precondition(bytes.count <= 65_535, "a string or binary field has at most 65,535 bytes")
        append(uint16: UInt16(bytes.count))
        append(copying: bytes)
    }
}
