import Testing

@testable import Identity

@Suite struct StreamingDigestTests {
    @Test(arguments: [0, 1, 63, 64, 65, 100_000]) func isThatOfAllPiecesTogether(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for size in [1, 64, 1000, count + 1] {
            let digest = StreamingDigest()
            for start in stride(from: 0, to: count, by: size) {
                digest.update(Array(bytes[start..<min(start + size, count)]))
            }
            #expect(digest.finish() == Secrets.sha256(bytes), "pieces of \(size)")
        }
    }
}
