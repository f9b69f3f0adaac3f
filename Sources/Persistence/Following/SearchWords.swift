/// The words by which messages are found: runs of letters, digits and the marks on them, in lower case; everything else parts them. They are made
/// here and not by PostgreSQL's parser, which needs far longer and knows upper case only as far as the database's locale does.
enum SearchWords {
    /// Of a word that is longer, only its beginning counts. PostgreSQL takes 2,046 bytes.
    private static let bytesMax = 200

    /// A text's words as PostgreSQL reads a `tsvector`, and the topic as a word that no text has: `#7301 good morning`.
    /// - Parameter text: UTF-8.
    static func vector(_ text: [UInt8], topicID: Int64) -> [UInt8] {
        var words = Words(first: "#\(topicID)", capacity: text.count + 24)
        words.append(text)
        return words.bytes
    }

    /// What finds the texts that have all these words, the last as a beginning, as PostgreSQL reads a `tsquery`: `good & morn:*`; nil if there is no word.
    static func query(_ text: String) -> String? {
        var words = Words(first: "", capacity: text.utf8.count)
        words.append(Array(text.utf8))
        let parts = words.bytes.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        return parts.isEmpty ? nil : parts.joined(separator: " & ") + ":*"
    }

    /// Words behind spaces. None holds what a `tsvector` or `tsquery` would want quoted.
    private struct Words {
        private(set) var bytes: [UInt8]
        /// Bytes of the word at the end; 0: the next letter begins one.
        private var length = 0

        init(first: String, capacity: Int) {
            bytes = Array(first.utf8)
            bytes.reserveCapacity(capacity)
        }

        mutating func append(_ text: [UInt8]) {
            var start = 0
            while start < text.count {
                var end = start
                while end < text.count, text[end] < 0x80 {
                    append(ascii: text[end])
                    end += 1
                }
                start = end
                while end < text.count, text[end] >= 0x80 { end += 1 }
                for scalar in String(decoding: text[start..<end], as: UTF8.self).unicodeScalars { append(scalar) }
                start = end
            }
        }

        private mutating func append(ascii byte: UInt8) {
            // Of letters the bit tells the case; digits have it.
            let lower = byte | 0x20
            guard byte &- UInt8(ascii: "0") < 10 || lower &- UInt8(ascii: "a") < 26 else {
                length = 0
                return
            }
            append(lower)
        }

        private mutating func append(_ scalar: Unicode.Scalar) {
            guard Self.isPart(scalar) else {
                length = 0
                return
            }
            let lower = scalar.properties.lowercaseMapping.utf8
            // Whole, or what follows would be no UTF-8.
            guard length + lower.count <= bytesMax else { return }
            for byte in lower { append(byte) }
        }

        private mutating func append(_ byte: UInt8) {
            guard length < bytesMax else { return }
            if length == 0 { bytes.append(UInt8(ascii: " ")) }
            bytes.append(byte)
            length += 1
        }

        private static func isPart(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
                .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
                true
            default: false
            }
        }
    }
}
