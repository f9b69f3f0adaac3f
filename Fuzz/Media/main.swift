import FuzzSupport
import Media

// What reads the beginnings of files of strangers: types by signatures, and sizes of images.

let signatures: [[UInt8]] = [
    [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 2],
    [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0, 0xFF, 0xC0, 0, 17, 8, 0, 1, 0, 2, 3],
    Array("GIF89a".utf8) + [1, 0, 2, 0],
    Array("RIFF\0\0\0\0WEBPVP8 ".utf8) + [0, 0, 0, 0, 0, 0, 0, 0x9D, 1, 0x2A, 1, 0, 2, 0],
    Array("RIFF\0\0\0\0WEBPVP8L".utf8) + [0, 0, 0, 0, 0x2F, 0, 0, 0, 0],
    Array("RIFF\0\0\0\0WEBPVP8X".utf8) + [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0],
    Array("\0\0\0\u{18}ftypavif".utf8), Array("%PDF-1.7".utf8), Array("PK\u{3}\u{4}".utf8),
]

fuzz(seeds: { signatures }, words: ["IHDR", "VP8 ", "VP8L", "VP8X", "WEBP", "ftyp"]) { bytes in
    let found = FileType(sniffing: bytes.span)
    expectEqual(MediaType.decide(declared: nil, bytes.span), found?.mediaType ?? MediaType.unknown, "the type")
    for type in FileType.allCases { checkSize(type, bytes) }
    guard let found else { return }
    expect(MediaType.decide(declared: found.mediaType, bytes.span) == found.mediaType, "a file may not be itself")
    // What follows a signature does not change it.
    expectEqual(FileType(sniffing: (bytes + [0]).span), found, "more bytes change the type")
}

/// A size that is there stays the same when more of the file has come.
func checkSize(_ type: FileType, _ bytes: [UInt8]) {
    guard let size = ImageSize(type, bytes.span) else { return }
    expect(size.width > 0 && size.height > 0, "an empty image")
    expectEqual(ImageSize(type, (bytes + [0xFF, 0]).span), size, "more bytes change the size")
}
