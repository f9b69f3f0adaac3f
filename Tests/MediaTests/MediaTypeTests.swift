import Testing

@testable import Media

@Suite struct MediaTypeTests {
    static let png = Files.png(1, 1)
    static let jpeg = Files.jpeg(1, 1)
    static let pdf = Files.text("%PDF-1.7\n")
    static let zip = Files.text("PK\u{3}\u{4}\u{14}")
    static let mp4 = Files.isoMedia("isom")
    static let html = Files.text("<!DOCTYPE html><script>alert(1)</script>")

    struct Case: Sendable, CustomTestStringConvertible {
        var declared: String?
        var bytes: [UInt8]
        var expected: String?
        var testDescription: String { "\(declared ?? "nothing") for \(bytes.prefix(12))" }

        init(_ declared: String?, _ bytes: [UInt8], _ expected: String?) {
            self.declared = declared
            self.bytes = bytes
            self.expected = expected
        }
    }

    static let cases = [
        Case(nil, png, "image/png"), Case(nil, jpeg, "image/jpeg"), Case(nil, Files.gif(1, 1), "image/gif"),
        Case(nil, Files.webpLossy(1, 1), "image/webp"), Case(nil, pdf, "application/pdf"),
        Case(nil, zip, "application/zip"), Case(nil, Files.text("\u{1F}\u{8B}\u{8}"), "application/gzip"),
        Case(nil, mp4, "video/mp4"), Case(nil, Files.isoMedia("qt  "), "video/quicktime"),
        Case(nil, Files.isoMedia("avif"), "image/avif"), Case(nil, Files.isoMedia("heic"), "image/heic"),
        Case(nil, Files.text("\u{1A}E\u{DF}\u{A3}"), "video/webm"), Case(nil, Files.text("OggS"), "audio/ogg"),
        Case(nil, Files.text("RIFF\0\0\0\0WAVE"), "audio/wav"), Case(nil, Files.text("fLaC"), "audio/flac"),
        Case(nil, html, "application/octet-stream"), Case(nil, [], "application/octet-stream"),
        Case("application/octet-stream", png, "image/png"), Case("application/x-www-form-urlencoded", png, "image/png"),
        Case("application/octet-stream", html, "application/octet-stream"),
        Case("image/png", png, "image/png"), Case("IMAGE/PNG", png, "image/png"), Case("image/jpg", jpeg, "image/jpeg"),
        Case("text/plain", html, "text/plain"), Case("text/html", html, "text/html"),
        Case("application/vnd.oasis.opendocument.text", zip, "application/vnd.oasis.opendocument.text"),
        Case("audio/mp4", mp4, "audio/mp4"), Case("video/x-m4v", mp4, "video/x-m4v"),
        Case("audio/mpeg", [0xFF, 0xFB, 0x90], "audio/mpeg"), Case("audio/mpeg", Files.text("ID3\u{3}"), "audio/mpeg"),
        Case("image/heif", Files.isoMedia("mif1"), "image/heif"),
        Case("application/x-unheard-of", [1, 2, 3], "application/x-unheard-of"),
        // Contradictions.
        Case("image/png", jpeg, nil), Case("image/png", html, nil), Case("image/png", [], nil),
        Case("image/jpeg", png, nil), Case("image/gif", pdf, nil),
        Case("image/webp", Files.text("RIFF\0\0\0\0WAVE"), nil),
        Case("application/pdf", html, nil), Case("application/pdf", zip, nil), Case("text/plain", png, nil),
        Case("text/html", jpeg, nil), Case("image/svg+xml", png, nil), Case("image/bmp", zip, nil),
        Case("video/mp4", png, nil), Case("application/json", pdf, nil), Case("image/png", Array(png.prefix(7)), nil),
        Case("image/jpeg", mp4, nil), Case("text/plain", mp4, nil),
        Case("audio/flac", Files.text("OggS"), "audio/flac"),
    ]

    @Test(arguments: cases) func isDecidedByBytesAndDeclaration(_ one: Case) {
        #expect(MediaType.decide(declared: one.declared, one.bytes.span) == one.expected)
    }

    /// A file is what its own type says, in the registered spelling.
    @Test(arguments: FileType.allCases) func aTypeMayBeItself(_ type: FileType) {
        #expect(type.mayBe(type.mediaType))
        #expect(FileType(declared: type.mediaType) == nil || FileType(declared: type.mediaType) == type)
    }
}
