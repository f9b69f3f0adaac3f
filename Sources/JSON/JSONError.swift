/// Why a text is no acceptable JSON: what, and at which byte.
package struct JSONError: Error, Sendable, Equatable {
    package enum Reason: Sendable, Equatable {
        case unexpectedEnd, unexpectedCharacter, notUTF8, controlCharacter, badEscape, loneSurrogate, nulCharacter
        case badNumber, repeatedName, tooDeep, trailingBytes
    }

    package var reason: Reason
    package var offset: Int
    /// The member of the outermost object in whose value it stands, where `scanObject` found it.
    package var member: String?

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// What and where; the member only helps to tell of it.
    package static func == (left: JSONError, right: JSONError) -> Bool {
        left.reason == right.reason && left.offset == right.offset
    }
}

/// For people: answers quote it.
extension JSONError.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unexpectedEnd: "unexpected end"
        case .unexpectedCharacter: "unexpected character"
        case .notUTF8: "no UTF-8"
        case .controlCharacter: "control character that is not escaped"
        case .badEscape: "unknown escape"
        case .loneSurrogate: "lone surrogate"
        case .nulCharacter: "U+0000"
        case .badNumber: "malformed number"
        case .repeatedName: "repeated name"
        case .tooDeep: "too many levels"
        case .trailingBytes: "something after the end"
        }
    }
}
