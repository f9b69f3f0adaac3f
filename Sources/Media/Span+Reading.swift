/// Numbers and texts at places of a file's beginning. What lies behind the end is not there, and nothing else happens.
extension Span<UInt8> {
    func byte(at offset: Int) -> Int? {
        offset >= 0 && offset < count ? Int(self[offset]) : nil
    }

    /// - Parameter text: of scalars up to U+00FF, each standing for a byte.
    func has(_ text: String, at offset: Int) -> Bool {
        var place = offset
        for scalar in text.unicodeScalars {
            guard byte(at: place) == Int(scalar.value) else { return false }
            place += 1
        }
        return true
    }

    /// An unsigned number of `width` bytes, 1 to 4, the highest first.
    func bigEndian(at offset: Int, width: Int) -> Int? {
        var value = 0
        for index in 0..<width {
            guard let byte = byte(at: offset + index) else { return nil }
            value = value << 8 | byte
        }
        return value
    }

    /// The same, the lowest first.
    func littleEndian(at offset: Int, width: Int) -> Int? {
        var value = 0
        for index in 0..<width {
            guard let byte = byte(at: offset + index) else { return nil }
            value |= byte << (8 * index)
        }
        return value
    }
}
