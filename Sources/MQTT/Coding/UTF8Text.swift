/// UTF-8 as MQTT wants it (MQTT 5 §1.5.4): well-formed, no surrogates, no U+0000 in strings. Control characters and
/// noncharacters pass: a receiver may refuse them, but Unicode has since declared them fit for interchange.
package enum UTF8Text {
    enum TopicScan {
        case name
        case hasWildcards
        case invalid
    }

    /// Whether the range is a UTF-8 encoded string.
    package static func isString(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        scanTopic(bytes, range) != .invalid
    }

    /// Looks once at every byte: most topics are short and ASCII.
    static func scanTopic(_ bytes: Span<UInt8>, _ range: Range<Int>) -> TopicScan {
        let text = bytes.extracting(range)
        var hasWildcards = false
        var position = 0
        while position < text.count {
            if text.count - position >= 16, isPlain(text.extracting(position..<position + 16)) {
                position += 16
                continue
            }
            let byte = text[position]
            if byte < 0x80 {
                if byte == 0 { return .invalid }
                if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#") { hasWildcards = true }
                position += 1
            } else {
                let length = sequenceLength(text, at: position)
                if length == 0 { return .invalid }
                position += length
            }
        }
        return hasWildcards ? .hasWildcards : .name
    }

    /// Whether there is nothing to look at more closely. Without an exit inside, this becomes a few vector
    /// instructions.
    @inline(__always)
    private static func isPlain(_ block: Span<UInt8>) -> Bool {
        var union: UInt8 = 0
        for index in block.indices {
            let byte = block[index]
            union |= byte
            union |= byte == 0 ? 0x80 : 0
            union |= byte == UInt8(ascii: "+") ? 0x80 : 0
            union |= byte == UInt8(ascii: "#") ? 0x80 : 0
        }
        return union < 0x80
    }

    /// Whether the range is well-formed UTF-8, as a payload of format 1 must be (§3.3.2.3.2); U+0000 is a character
    /// there.
    package static func isWellFormed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let text = bytes.extracting(range)
        var position = 0
        while position < text.count {
            if text.count - position >= 32 {
                // Without an exit inside, the compiler turns this into a few vector instructions.
                let block = text.extracting(position..<position + 32)
                var union: UInt8 = 0
                for index in block.indices { union |= block[index] }
                if union < 0x80 {
                    position += 32
                    continue
                }
            }
            let blockEnd = min(position + 32, text.count)
            while position < blockEnd {
                let length = text[position] < 0x80 ? 1 : sequenceLength(text, at: position)
                if length == 0 { return false }
                position += length
            }
        }
        return true
    }

    /// Bytes of the multi-byte sequence at `position`, 0 if ill-formed (Unicode, table 3-7).
    private static func sequenceLength(_ text: Span<UInt8>, at position: Int) -> Int {
        let lead = text[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        default: return 0
        }
        guard text.count - position >= length, second.contains(text[position + 1]) else { return 0 }
        for index in 2..<4 where index < length {
            if text[position + index] & 0xC0 != 0x80 { return 0 }
        }
        return length
    }
}
