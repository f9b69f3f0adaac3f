/// An input taken apart from its beginning. After the end come zeros, so that every input means something.
package struct FuzzInput {
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var isAtEnd: Bool { position >= bytes.count }

    package mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        let end = min(position + count, bytes.count)
        defer { position = end }
        return Array(bytes[position..<end])
    }

    package mutating func rest() -> [UInt8] { bytes(bytes.count - position) }

    /// The bytes before the next one of this value, which is passed over, or all that are left.
    package mutating func bytes(before end: UInt8) -> [UInt8] {
        let found = bytes[position...].firstIndex(of: end) ?? bytes.count
        defer { position = min(found + 1, bytes.count) }
        return Array(bytes[position..<found])
    }
}
