/// A seeded hash of bytes, eight at a time, with the multiply-and-fold step of wyhash: peers choose the topics, so
/// without the seed they could choose collisions.
struct ByteHash {
    private let seed: UInt64
    private let secretMultiplier: UInt64

    init(seed: UInt64) {
        self.seed = seed
        secretMultiplier = Self.fold(seed ^ Self.multiplierA, Self.multiplierB) | 1
    }

    private static let multiplierA: UInt64 = 0xA076_1D64_78BD_642F
    private static let multiplierB: UInt64 = 0xE703_7ED1_A0B4_28DB

    @inline(__always)
    func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count) &* Self.multiplierB
        var position = 0
        while bytes.count - position >= 8 {
            state = Self.fold(state ^ Self.word(bytes.extracting(position..<position + 8)), Self.multiplierA)
            position += 8
        }
        var tail: UInt64 = 0
        while position < bytes.count {
            tail = tail << 8 | UInt64(bytes[position])
            position += 1
        }
        return Self.fold(state ^ tail, secretMultiplier)
    }

    /// The hash of a level under its parent node.
    @inline(__always)
    func combine(_ levelHash: UInt64, parent: Int32) -> UInt64 {
        Self.fold(levelHash ^ UInt64(UInt32(bitPattern: parent)), secretMultiplier)
    }

    /// With the count known the compiler makes one load of this.
    @inline(__always)
    private static func word(_ bytes: Span<UInt8>) -> UInt64 {
        let low =
            UInt64(bytes[0]) | UInt64(bytes[1]) << 8 | UInt64(bytes[2]) << 16 | UInt64(bytes[3]) << 24
        let high =
            UInt64(bytes[4]) | UInt64(bytes[5]) << 8 | UInt64(bytes[6]) << 16 | UInt64(bytes[7]) << 24
        return low | high << 32
    }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
