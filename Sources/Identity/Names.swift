/// What users may be called (rest.md).
package enum Names {
    package static let usernameLength: ClosedRange<Int> = 3...32

    /// `^[a-z0-9][a-z0-9_.-]{2,31}$` with at least one letter.
    package static func isUsername(_ name: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte }
        func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
        func isMark(_ byte: UInt8) -> Bool { "_.-".utf8.contains(byte) }
        let bytes = Array(name.utf8)
        return usernameLength ~= bytes.count && !isMark(bytes[0]) && bytes.contains(where: isLetter)
            && bytes.allSatisfy { isLetter($0) || isDigit($0) || isMark($0) }
    }

    package static let displayNameLength: ClosedRange<Int> = 1...64

    /// So many Unicode scalars, none of them a control character, and something to see.
    package static func isDisplayName(_ name: String) -> Bool {
        displayNameLength ~= name.unicodeScalars.count && name.contains { !$0.isWhitespace }
            && name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }
}
