/// Width and height of an image in pixels, as its header says, before any rotation that it asks for.
package struct ImageSize: Sendable, Equatable {
    /// 1 to 2^31 - 1.
    package var width: Int
    package var height: Int

    package init?(width: Int?, height: Int?) {
        guard let width, let height, 1...Int(Int32.max) ~= width, 1...Int(Int32.max) ~= height else { return nil }
        self.width = width
        self.height = height
    }

    /// Nil for other types, and if the header is damaged or does not end within `bytes`. Looks at each byte once at most.
    /// - Parameter bytes: the beginning of a file of this type.
    package init?(_ type: FileType, _ bytes: Span<UInt8>) {
        switch type {
        case .png: self.init(png: bytes)
        case .gif: self.init(gif: bytes)
        case .jpeg: self.init(jpeg: bytes)
        case .webp: self.init(webp: bytes)
        default: return nil
        }
    }

    /// IHDR comes first (PNG §11.2.2).
    private init?(png bytes: Span<UInt8>) {
        guard bytes.bigEndian(at: 8, width: 4) == 13, bytes.has("IHDR", at: 12) else { return nil }
        self.init(width: bytes.bigEndian(at: 16, width: 4), height: bytes.bigEndian(at: 20, width: 4))
    }

    /// The logical screen (GIF89a §18).
    private init?(gif bytes: Span<UInt8>) {
        self.init(width: bytes.littleEndian(at: 6, width: 2), height: bytes.littleEndian(at: 8, width: 2))
    }

    /// Goes from segment to segment until a frame begins (ITU-T T.81 §B.1, §B.2.2).
    private init?(jpeg bytes: Span<UInt8>) {
        var offset = 2
        while true {
            guard bytes.byte(at: offset) == 0xFF, let marker = bytes.byte(at: offset + 1) else { return nil }
            switch marker {
            // Any number of these may stand before a marker.
            case 0xFF: offset += 1
            // Markers without a segment.
            case 0x01, 0xD0...0xD7: offset += 2
            // A start of frame: length, precision, height, width.
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard let length = bytes.bigEndian(at: offset + 2, width: 2), length >= 8 else { return nil }
                self.init(
                    width: bytes.bigEndian(at: offset + 7, width: 2),
                    height: bytes.bigEndian(at: offset + 5, width: 2))
                return
            // Image data, or the end, before any frame.
            case 0x00, 0xD8...0xDA: return nil
            default:
                guard let length = bytes.bigEndian(at: offset + 2, width: 2), length >= 2 else { return nil }
                offset += 2 + length
            }
        }
    }

    /// The first chunk tells (RFC 9649 §2.5 to §2.7).
    private init?(webp bytes: Span<UInt8>) {
        if bytes.has("VP8 ", at: 12) {
            guard bytes.has("\u{9D}\u{1}\u{2A}", at: 23) else { return nil }
            // The upper two bits are a scale.
            self.init(
                width: bytes.littleEndian(at: 26, width: 2).map { $0 & 0x3FFF },
                height: bytes.littleEndian(at: 28, width: 2).map { $0 & 0x3FFF })
        } else if bytes.has("VP8L", at: 12) {
            guard bytes.byte(at: 20) == 0x2F, let bits = bytes.littleEndian(at: 21, width: 4) else { return nil }
            self.init(width: (bits & 0x3FFF) + 1, height: (bits >> 14 & 0x3FFF) + 1)
        } else if bytes.has("VP8X", at: 12) {
            self.init(
                width: bytes.littleEndian(at: 24, width: 3).map { $0 + 1 },
                height: bytes.littleEndian(at: 27, width: 3).map { $0 + 1 })
        } else {
            return nil
        }
    }
}
