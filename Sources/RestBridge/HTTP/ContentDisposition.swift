/// `Content-Disposition` of a download (RFC 6266).
enum ContentDisposition {
    /// What browsers may show by themselves: pictures in which nothing runs.
    private static let shown: Set<String> = ["image/png", "image/jpeg", "image/gif", "image/webp"]

    /// - Parameter name: the file's; empty: it has none.
    static func value(mediaType: String, name: String) -> String {
        let kind = shown.contains(mediaType) ? "inline" : "attachment"
        guard !name.isEmpty else { return kind }
        let plain = String(String.UnicodeScalarView(name.unicodeScalars.map { isPlain($0) ? $0 : "_" }))
        let parameter = "\(kind); filename=\"\(plain)\""
        // A client that knows both takes the second (§4.3).
        return plain == name ? parameter : "\(parameter); filename*=UTF-8''\(encoded(name))"
    }

    /// Read alike by all clients between quotes: no quote, no backslash, nothing that looks like percent-encoding (appendix D).
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        0x20..<0x7F ~= scalar.value && scalar != "\"" && scalar != "\\" && scalar != "%"
    }

    /// RFC 8187 §3.2.1.
    private static func encoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            if isAttributeCharacter(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isAttributeCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$&+-.^_`|~".utf8.contains(byte)
        }
    }
}
