import JSON

/// The text of a message in the stored end of its envelope.
enum MessageText {
    /// UTF-8; nil if the body has none.
    static func utf8(ofSuffix suffix: [UInt8]) -> [UInt8]? {
        guard !suffix.isEmpty else { return nil }
        var envelope = suffix
        envelope[0] = UInt8(ascii: "{")
        let bytes = envelope.span
        guard let body = member("body", of: bytes, 0..<bytes.count), body.kind == .object,
            let text = member("text", of: bytes, body.range), text.kind == .string
        else { return nil }
        return decodeString(bytes, text.range)
    }

    private static func member(_ name: String, of bytes: Span<UInt8>, _ range: Range<Int>) -> JSONRange? {
        guard let members = try? scanObject(bytes.extracting(range)),
            var found = members.first(where: { $0.name == name })
        else { return nil }
        found.range = found.range.lowerBound + range.lowerBound..<found.range.upperBound + range.lowerBound
        return found
    }
}
