/// Integers of 7 bits a byte, lowest first, the highest bit set in all bytes but the last: what packed columns are made of.
package struct PackedReader {
    private let bytes: [UInt8]
    private var index = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var isAtEnd: Bool { index == bytes.count }

    /// Nil if the bytes end, or hold more than 63 bits: nine bytes at most.
    package mutating func next() -> Int64? {
        var value: Int64 = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            guard index < bytes.count else { return nil }
            let byte = bytes[index]
            index += 1
            value |= Int64(byte & 0x7F) << Int64(shift)
            if byte < 0x80 { return value }
        }
        return nil
    }

    /// What has not been read.
    package var rest: [UInt8] { Array(bytes[index...]) }

    /// So many plain bytes; nil: there are fewer.
    package mutating func next(bytes count: Int64) -> [UInt8]? {
        guard count <= bytes.count - index else { return nil }
        defer { index += Int(count) }
        return Array(bytes[index..<index + Int(count)])
    }
}

extension Array where Element == UInt8 {
    /// - Parameter value: not negative.
    package mutating func append(packed value: Int64) {
        precondition(value >= 0)
        var rest = UInt64(value)
        while rest >= 0x80 {
            append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}
