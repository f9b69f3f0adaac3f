/// What a decimal number takes at most.
package let decimalBytesMax = 20

/// What encoders append to a buffer.
extension [UInt8] {
    /// An ASCII literal.
    @inlinable
    package mutating func append(ascii literal: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Canonical decimal digits.
    package mutating func append(decimal value: Int64) {
        append(addingCapacity: decimalBytesMax) { $0.append(decimal: value) }
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

/// The same, where the room for several things was made at once: `bytes.append(addingCapacity: 40) { $0.append(ascii: "id:"); $0.append(decimal: id) }`.
/// More than there is room for traps.
extension OutputSpan<UInt8> {
    /// An ASCII literal.
    @inlinable
    package mutating func append(ascii literal: StaticString) {
        append(UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    @inlinable
    package mutating func append(span: Span<UInt8>) {
        span.withUnsafeBufferPointer { append($0) }
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
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        precondition(bytes.count <= freeCapacity, "more than there is room for")
        withUnsafeMutableBufferPointer { buffer, count in
            guard let from = bytes.baseAddress, let to = buffer.baseAddress else { return }
            (to + count).initialize(from: from, count: bytes.count)
            count += bytes.count
        }
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
