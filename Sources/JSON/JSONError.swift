/// Why a text is no acceptable JSON: what, and at which byte.
package struct JSONError: Error, Sendable, Equatable {
    package enum Reason: Sendable, Equatable {
        case unexpectedEnd, unexpectedCharacter, notUTF8, controlCharacter, badEscape, loneSurrogate, nulCharacter
        case badNumber, repeatedName, tooDeep, trailingBytes
    }

    package var reason: Reason
    package var offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}
