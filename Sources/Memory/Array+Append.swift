/// What encoders append to a buffer.
extension [UInt8] {
    /// An ASCII literal.
    @inlinable
    package mutating func append(ascii literal: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Canonical decimal digits.
    package mutating func append(decimal value: Int64) {
        var text = InlineArray<20, UInt8>(repeating: UInt8(ascii: "-"))
        var start = text.count
        var rest = value.magnitude
        repeat {
            start -= 1
            text[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
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
