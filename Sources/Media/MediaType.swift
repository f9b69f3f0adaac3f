/// The media type under which a file is kept.
package enum MediaType {
    /// Of a file about which nothing is known.
    package static let unknown = "application/octet-stream"

    /// What clients send that do not know the type, or do not say it: the second is what curl calls any body.
    private static let undeclared = [unknown, "application/x-www-form-urlencoded", "binary/octet-stream"]

    /// - Parameters:
    ///   - declared: what the sender calls it, without parameters; nil: nothing.
    ///   - bytes: the beginning of the file.
    /// - Returns: nil if the bytes contradict the declaration.
    package static func decide(declared: String?, _ bytes: Span<UInt8>) -> String? {
        let found = FileType(sniffing: bytes)
        let declared = declared?.lowercased()
        guard let declared, !undeclared.contains(declared) else { return found?.mediaType ?? unknown }
        guard let found else { return FileType(declared: declared) == nil ? declared : nil }
        guard found.mayBe(declared) else { return nil }
        return FileType(declared: declared) == found ? found.mediaType : declared
    }
}
