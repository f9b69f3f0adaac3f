/// Levels of topic names and filters: what stands between slashes (MQTT 5 §4.7.1.1).
enum Level {
    static let separator = UInt8(ascii: "/")
    static let single = UInt8(ascii: "+")
    static let multi = UInt8(ascii: "#")

    static let typing: InlineArray<6, UInt8> = [0x74, 0x79, 0x70, 0x69, 0x6E, 0x67]
    static let read: InlineArray<4, UInt8> = [0x72, 0x65, 0x61, 0x64]

    /// Where the level that starts at `start` ends: at a slash or at the end; nil: `start` is past the end.
    @inline(__always)
    static func end(in bytes: Span<UInt8>, from start: Int) -> Int? {
        guard start <= bytes.count else { return nil }
        var end = start
        while end < bytes.count, bytes[end] != separator { end += 1 }
        return end
    }

    @inline(__always)
    static func equal<let count: Int>(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ name: InlineArray<count, UInt8>
    ) -> Bool {
        guard range.count == count else { return false }
        for index in 0..<count where bytes[range.lowerBound + index] != name[index] { return false }
        return true
    }

    @inline(__always)
    static func equal(
        _ left: Span<UInt8>, _ leftRange: Range<Int>, _ right: Span<UInt8>, _ rightRange: Range<Int>
    ) -> Bool {
        guard leftRange.count == rightRange.count else { return false }
        let left = left.extracting(leftRange)
        let right = right.extracting(rightRange)
        for index in left.indices where left[index] != right[index] { return false }
        return true
    }

    @inline(__always)
    static func equal(_ left: borrowing [UInt8], _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        // Without an exit inside, the compiler compares many bytes at once; the hashes agreed, so few comparisons fail.
        let left = left.span
        var difference: UInt8 = 0
        for index in right.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    /// Whether the level is this one wildcard.
    @inline(__always)
    static func isWildcard(_ bytes: Span<UInt8>, _ range: Range<Int>, _ wildcard: UInt8) -> Bool {
        range.count == 1 && bytes[range.lowerBound] == wildcard
    }
}
