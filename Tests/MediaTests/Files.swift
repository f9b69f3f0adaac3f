@testable import Media

/// Beginnings of files, made by hand.
enum Files {
    static func text(_ scalars: String) -> [UInt8] { scalars.unicodeScalars.map { UInt8($0.value) } }

    private static func bigEndian(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func littleEndian(_ value: Int, _ width: Int) -> [UInt8] { bigEndian(value, width).reversed() }

    static func png(_ width: Int, _ height: Int) -> [UInt8] {
        text("\u{89}PNG\r\n\u{1A}\n") + bigEndian(13, 4) + text("IHDR") + bigEndian(width, 4) + bigEndian(height, 4)
            + [8, 6, 0, 0, 0] + bigEndian(0, 4)
    }

    static func gif(_ width: Int, _ height: Int) -> [UInt8] {
        text("GIF89a") + littleEndian(width, 2) + littleEndian(height, 2) + [0, 0, 0]
    }

    /// A start of frame behind other segments, each a marker and the bytes after its length.
    static func jpeg(
        _ width: Int, _ height: Int, segments: [(marker: UInt8, bytes: [UInt8])] = [(0xE0, Array("JFIF\0".utf8))],
        frame: UInt8 = 0xC0
    ) -> [UInt8] {
        var bytes: [UInt8] = [0xFF, 0xD8]
        for segment in segments {
            bytes += [0xFF, segment.marker] + bigEndian(segment.bytes.count + 2, 2) + segment.bytes
        }
        return bytes + [0xFF, frame] + bigEndian(17, 2) + [8] + bigEndian(height, 2) + bigEndian(width, 2) + [3]
            + [UInt8](repeating: 0, count: 9)
    }

    private static func webp(_ chunk: String, _ payload: [UInt8]) -> [UInt8] {
        text("RIFF") + littleEndian(payload.count + 12, 4) + text("WEBP" + chunk) + littleEndian(payload.count, 4)
            + payload
    }

    static func webpLossy(_ width: Int, _ height: Int) -> [UInt8] {
        // Scales in the upper bits, which are no part of the size.
        webp("VP8 ", [0, 0, 0, 0x9D, 1, 0x2A] + littleEndian(width | 0x4000, 2) + littleEndian(height | 0x8000, 2))
    }

    static func webpLossless(_ width: Int, _ height: Int) -> [UInt8] {
        webp("VP8L", [0x2F] + littleEndian((width - 1) | (height - 1) << 14 | 1 << 28, 4))
    }

    static func webpExtended(_ width: Int, _ height: Int) -> [UInt8] {
        webp("VP8X", [0x10, 0, 0, 0] + littleEndian(width - 1, 3) + littleEndian(height - 1, 3))
    }

    static func isoMedia(_ brand: String) -> [UInt8] { bigEndian(24, 4) + text("ftyp" + brand) + bigEndian(0, 4) }
}
