/// What encoders append to a buffer.
extension [UInt8] {
    /// An ASCII literal.
    @inlinable
    package mutating func append(ascii literal: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// An ASCII literal between two bytes on each side, of which the first may be left out: one look at the room that all of it needs.
    package mutating func append(
        ascii literal: StaticString, after opening: (UInt8, UInt8), skippingFirst: Bool, before closing: (UInt8, UInt8)
    ) {
        let count = literal.utf8CodeUnitCount
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count + 4) { bytes in
            (bytes[0], bytes[1]) = opening
            bytes.baseAddress?.advanced(by: 2).initialize(from: literal.utf8Start, count: count)
            (bytes[count + 2], bytes[count + 3]) = closing
            append(contentsOf: UnsafeBufferPointer(rebasing: bytes[(skippingFirst ? 1 : 0)...]))
        }
    }

    /// Canonical decimal digits.
    package mutating func append(decimal value: Int64) {
        var text = InlineArray<20, UInt8>(repeating: UInt8(ascii: "-"))
        var start = text.count
        var rest = value.magnitude
        // Divisions of 64 bits are what takes the time, so there is one for each eight digits.
        while rest >= 100_000_000 {
            var eight = UInt32(truncatingIfNeeded: rest % 100_000_000)
            rest /= 100_000_000
            for _ in 0..<4 {
                start -= 2
                text.write(pair: eight % 100, at: start)
                eight /= 100
            }
        }
        var last = UInt32(truncatingIfNeeded: rest)
        while last >= 10 {
            start -= 2
            text.write(pair: last % 100, at: start)
            last /= 100
        }
        if last > 0 || start == text.count {
            start -= 1
            text[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: last)
        }
        if value < 0 { start -= 1 }
        append(span: text.span.extracting(start..<text.count))
    }

    @inlinable
    package mutating func append(span: Span<UInt8>) {
        span.withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    @inlinable
    package init(span: Span<UInt8>) {
        self = span.withUnsafeBufferPointer { Array($0) }
    }
}

extension Span<UInt8> {
    /// Whether any byte is below a limit, or one of two. Without an early exit, so that the compiler looks at many bytes at once.
    package func contains(below limit: UInt8, or first: UInt8, or second: UInt8) -> Bool {
        var found: UInt8 = 0
        for index in indices {
            let byte = self[unchecked: index]
            found |= (byte < limit ? 1 : 0) | (byte == first ? 1 : 0) | (byte == second ? 1 : 0)
        }
        return found != 0
    }

    package func contains(_ byte: UInt8) -> Bool { contains(below: 0, or: byte, or: byte) }
}

extension InlineArray where Element == UInt8 {
    /// Writes two decimal digits.
    /// - Parameter pair: below 100.
    @inlinable
    package mutating func write(pair: UInt32, at index: Int) {
        self[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: pair / 10)
        self[index + 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: pair % 10)
    }
}
