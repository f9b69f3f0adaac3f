/// What a file is by its first bytes, for types that have a signature.
package enum FileType: String, Sendable, CaseIterable {
    case png = "image/png"
    case jpeg = "image/jpeg"
    case gif = "image/gif"
    case webp = "image/webp"
    case avif = "image/avif"
    case heic = "image/heic"
    case pdf = "application/pdf"
    case zip = "application/zip"
    case gzip = "application/gzip"
    case mp4 = "video/mp4"
    case quickTime = "video/quicktime"
    case matroska = "video/webm"
    case ogg = "audio/ogg"
    case mp3 = "audio/mpeg"
    case flac = "audio/flac"
    case wav = "audio/wav"
    case avi = "video/x-msvideo"

    /// The media type in its registered spelling.
    package var mediaType: String { rawValue }

    /// Nil: no signature that is known here; text, for instance, has none.
    package init?(sniffing bytes: Span<UInt8>) {
        if bytes.has("\u{89}PNG\r\n\u{1A}\n", at: 0) {
            self = .png
        } else if bytes.has("\u{FF}\u{D8}\u{FF}", at: 0) {
            self = .jpeg
        } else if bytes.has("GIF87a", at: 0) || bytes.has("GIF89a", at: 0) {
            self = .gif
        } else if bytes.has("RIFF", at: 0) {
            guard let type = Self.riffType(bytes) else { return nil }
            self = type
        } else if bytes.has("ftyp", at: 4) {
            self = Self.isoMediaType(bytes)
        } else if let simple = Self.simple.first(where: { bytes.has($0.signature, at: 0) }) {
            self = simple.type
        } else {
            return nil
        }
    }

    private static let simple: [(signature: String, type: FileType)] = [
        ("%PDF-", .pdf), ("PK\u{3}\u{4}", .zip), ("PK\u{5}\u{6}", .zip), ("\u{1F}\u{8B}\u{8}", .gzip),
        ("\u{1A}E\u{DF}\u{A3}", .matroska), ("OggS", .ogg), ("ID3", .mp3), ("fLaC", .flac),
    ]

    private static func riffType(_ bytes: Span<UInt8>) -> FileType? {
        if bytes.has("WEBP", at: 8) { return .webp }
        if bytes.has("WAVE", at: 8) { return .wav }
        return bytes.has("AVI ", at: 8) ? .avi : nil
    }

    /// By the major brand (ISO/IEC 14496-12).
    private static func isoMediaType(_ bytes: Span<UInt8>) -> FileType {
        if bytes.has("avif", at: 8) || bytes.has("avis", at: 8) { return .avif }
        if ["heic", "heix", "hevc", "mif1", "msf1"].contains(where: { bytes.has($0, at: 8) }) { return .heic }
        return bytes.has("qt  ", at: 8) ? .quickTime : .mp4
    }

    // MARK: What senders call it

    /// Whether a file of this type may be declared as `mediaType`, which is in lower case and without parameters.
    package func mayBe(_ mediaType: String) -> Bool {
        if mediaType == self.mediaType || aliases.contains(mediaType) { return true }
        // Containers, whose content has a type of its own.
        switch self {
        case .zip, .gzip: return mediaType.hasPrefix("application/") && FileType(declared: mediaType) == nil
        case .mp4, .quickTime, .matroska, .ogg, .avi: return Self.isMedia(mediaType)
        case .mp3, .flac, .wav: return mediaType.hasPrefix("audio/") && FileType(declared: mediaType) == nil
        case .avif, .heic: return mediaType == "image/heif" || mediaType == "image/avif" || mediaType == "image/heic"
        case .png, .jpeg, .gif, .webp, .pdf: return false
        }
    }

    private static func isMedia(_ mediaType: String) -> Bool {
        mediaType.hasPrefix("audio/") || mediaType.hasPrefix("video/") || mediaType == "application/ogg"
    }

    /// The type whose signature a file with this declaration must have; nil: it may have none.
    package init?(declared mediaType: String) {
        let type = Self.signed.first { $0.mediaType == mediaType || $0.aliases.contains(mediaType) }
        guard let type else { return nil }
        self = type
    }

    /// Files of these types always begin with their signature. (MP3 files may begin with sound, gzip and zip with what extracts them.)
    private static let signed: [FileType] = [.png, .jpeg, .gif, .webp, .avif, .pdf, .flac]

    private var aliases: [String] {
        switch self {
        case .png: ["image/x-png", "image/apng", "image/vnd.mozilla.apng"]
        case .jpeg: ["image/jpg", "image/pjpeg"]
        case .pdf: ["application/x-pdf"]
        case .flac: ["audio/x-flac"]
        case .gif, .webp, .avif, .heic, .zip, .gzip, .mp4, .quickTime, .matroska, .ogg, .mp3, .wav, .avi: []
        }
    }
}
