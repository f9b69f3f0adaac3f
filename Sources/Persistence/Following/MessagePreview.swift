/// The beginning of a message, as notifications show it.
package enum MessagePreview {
    /// In Unicode scalars, hence at most 400 bytes: a character may be as long as a text.
    package static let lengthMax = 100

    /// Of the stored end of an envelope; empty if the message has no text.
    package static func text(ofSuffix suffix: [UInt8]) -> String {
        let text = String(decoding: MessageText.utf8(ofSuffix: suffix) ?? [], as: UTF8.self)
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(lengthMax)))
    }
}
