import Testing

@testable import Media

@Suite struct ImageSizeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var width: Int
        var height: Int
        /// So many bytes are needed to tell.
        var needed: Int

        init(_ name: String, _ bytes: [UInt8], _ width: Int, _ height: Int, needed: Int) {
            testDescription = name
            self.bytes = bytes
            self.width = width
            self.height = height
            self.needed = needed
        }
    }

    struct NoSignature: Error {}

    static let cases = [
        Case("PNG", Files.png(640, 480), 640, 480, needed: 24),
        Case("the largest PNG", Files.png(0x7FFF_FFFF, 1), 0x7FFF_FFFF, 1, needed: 24),
        Case("GIF", Files.gif(65_535, 1), 65_535, 1, needed: 10),
        Case("JPEG", Files.jpeg(4000, 3000), 4000, 3000, needed: 20),
        Case("progressive JPEG", Files.jpeg(1, 2, frame: 0xC2), 1, 2, needed: 20),
        Case("JPEG without segments", Files.jpeg(7, 9, segments: []), 7, 9, needed: 11),
        Case(
            "JPEG behind a thumbnail and tables",
            Files.jpeg(300, 200, segments: [(0xE1, Files.jpeg(16, 12)), (0xDB, [0xFF, 0xC0, 0, 17]), (0xC4, [0])]),
            300, 200, needed: 58),
        Case(
            "JPEG with fill bytes", [0xFF, 0xD8, 0xFF, 0xFF, 0xFF, 0x01] + Files.jpeg(3, 4, segments: []).dropFirst(2),
            3, 4, needed: 15),
        Case("lossy WebP", Files.webpLossy(550, 368), 550, 368, needed: 30),
        Case("lossless WebP", Files.webpLossless(16_384, 3), 16_384, 3, needed: 25),
        Case("extended WebP", Files.webpExtended(1 << 24, 5), 1 << 24, 5, needed: 30),
    ]

    @Test(arguments: cases) func isReadFromTheHeader(_ one: Case) throws {
        guard let type = FileType(sniffing: one.bytes.span) else { throw NoSignature() }
        let expected = ImageSize(width: one.width, height: one.height)
        #expect(ImageSize(type, one.bytes.span) == expected)
        #expect(ImageSize(type, (one.bytes + [UInt8](repeating: 0xFF, count: 100)).span) == expected)
    }

    /// Every beginning gives nothing or the size, and never something else.
    @Test(arguments: cases) func aTruncatedHeaderHasNone(_ one: Case) throws {
        guard let type = FileType(sniffing: one.bytes.span) else { throw NoSignature() }
        for count in 0..<one.bytes.count {
            let size = ImageSize(type, one.bytes.span.extracting(..<count))
            #expect((size != nil) == (count >= one.needed), "\(count) bytes")
        }
    }

    static let damaged: [(name: String, type: FileType, bytes: [UInt8])] = [
        ("a PNG of no width", .png, Files.png(0, 5)),
        ("a PNG of 2^31", .png, Files.png(5, 0x8000_0000)),
        (
            "a PNG that begins with another chunk", .png,
            Files.text("\u{89}PNG\r\n\u{1A}\n\0\0\0\u{0D}IDAT") + [0, 0, 0, 1, 0, 0, 0, 1]
        ),
        ("a GIF of no height", .gif, Files.gif(5, 0)),
        ("a JPEG whose height comes later", .jpeg, Files.jpeg(5, 0)),
        ("a JPEG segment without a length", .jpeg, [0xFF, 0xD8, 0xFF, 0xE0, 0, 1] + Files.jpeg(5, 5)),
        ("a JPEG frame that is too short", .jpeg, [0xFF, 0xD8, 0xFF, 0xC0, 0, 7, 8, 0, 5, 0, 5, 3]),
        ("a JPEG scan without a frame", .jpeg, [0xFF, 0xD8, 0xFF, 0xDA, 0, 2] + Files.jpeg(5, 5).dropFirst(2)),
        ("a JPEG without a marker where one must be", .jpeg, [0xFF, 0xD8, 0xFF, 0xE0, 0, 2, 0, 0xFF, 0xC0]),
        ("a WebP of an unknown chunk", .webp, Files.text("RIFF\0\0\0\0WEBPVP9 ") + [UInt8](repeating: 1, count: 40)),
        ("a lossy WebP without its start code", .webp, Files.webpLossy(5, 5).map { $0 == 0x9D ? 0x9C : $0 }),
        ("a lossless WebP without its signature", .webp, Files.webpLossless(5, 5).map { $0 == 0x2F ? 0x2E : $0 }),
        ("a lossy WebP of no width", .webp, Files.webpLossy(0, 5)),
    ]

    @Test(arguments: damaged) func aDamagedHeaderHasNone(_ name: String, _ type: FileType, _ bytes: [UInt8]) {
        #expect(ImageSize(type, bytes.span) == nil)
    }

    @Test(arguments: FileType.allCases) func anyBytesAreSafe(_ type: FileType) {
        var random = SystemRandomNumberGenerator()
        for count in 0..<300 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = ImageSize(type, bytes.span)
            _ = ImageSize(type, (Files.jpeg(1, 1).prefix(4) + bytes).span)
        }
    }
}

extension ArraySlice<UInt8> {
    static func + (left: Self, right: [UInt8]) -> [UInt8] { Array(left) + right }
}
