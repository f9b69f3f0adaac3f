import Identity
import JSON

/// What a member of a request may be.
struct Rule<Value> {
    struct Flaw: Error {
        var message: String
        /// The element of an array that is meant.
        var index: Int?
    }

    let read: (JSONValue) -> Result<Value, Flaw>

    private static func refuse(_ message: String, at index: Int? = nil) -> Result<Value, Flaw> {
        .failure(Flaw(message: message, index: index))
    }
}

extension Rule where Value == String {
    /// Any string.
    static var string: Rule {
        Rule { value in value.string.map { .success($0) } ?? refuse("must be a string") }
    }

    /// Shown to people: so many characters (Unicode scalars), none of them a control character; a line feed may be.
    static func text(_ length: ClosedRange<Int>, lines: Bool = false) -> Rule {
        Rule { value in
            guard let text = value.string else { return refuse("must be a string") }
            guard length ~= text.unicodeScalars.count else {
                return refuse("must have \(length.lowerBound) to \(length.upperBound) characters")
            }
            guard text.unicodeScalars.allSatisfy({ isPrintable($0) || lines && $0 == "\n" }) else {
                return refuse("holds a control character")
            }
            guard length.lowerBound == 0 || text.contains(where: { !$0.isWhitespace }) else {
                return refuse("is blank")
            }
            return .success(text)
        }
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= 0x20 && scalar.value != 0x7F }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    static var username: Rule {
        Rule { value in
            guard let name = value.string else { return refuse("must be a string") }
            guard Names.isUsername(name) else {
                let length = Names.usernameLength
                return refuse(
                    "must have \(length.lowerBound) to \(length.upperBound) of a-z, 0-9, '_', '.', '-', begin with a letter or digit, and hold a letter"
                )
            }
            return .success(name)
        }
    }

    /// Lower case, with one `@` between two parts, of characters that mean nothing else to a mail system (RFC 5321 §4.1.2, RFC 6531);
    /// more only a mail to it can tell. One that begins with a hyphen would be an option of the mail command.
    static var email: Rule {
        Rule { value in
            guard let text = value.string else { return refuse("must be a string") }
            let parts = text.split(separator: "@", omittingEmptySubsequences: false)
            func isAllowed(_ byte: UInt8) -> Bool {
                byte >= 0x80 || isLetterOrDigit(byte) || "@.!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
            }
            guard text.utf8.count <= 254, parts.count == 2, 1...64 ~= parts[0].utf8.count, !parts[1].isEmpty,
                text.utf8.first != UInt8(ascii: "-"), text.utf8.allSatisfy(isAllowed)
            else { return refuse("must be an e-mail address") }
            return .success(text.lowercased())
        }
    }
}

extension Rule where Value == Int64 {
    static func number(_ range: ClosedRange<Int64>) -> Rule {
        Rule { value in
            guard let number = value.int64, range ~= number else {
                return refuse("must be a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return .success(number)
        }
    }

    static var id: Rule {
        Rule { value in
            value.string.flatMap(parseID).map { .success($0) } ?? refuse("must be an id, a decimal string")
        }
    }

    static var seq: Rule {
        Rule { value in
            guard let seq = value.int64, seq >= 0 else { return refuse("must be a number of 0 or more") }
            return .success(seq)
        }
    }
}

extension Rule where Value == Bool {
    static var bool: Rule {
        Rule { value in value.bool.map { .success($0) } ?? refuse("must be true or false") }
    }
}

extension Rule where Value == [Int64] {
    /// Distinct ids.
    static func ids(max: Int) -> Rule {
        Rule { value in
            guard let elements = value.array else { return refuse("must be an array of ids") }
            guard elements.count <= max else { return refuse("must have at most \(max) ids") }
            var ids: [Int64] = []
            for (index, element) in elements.enumerated() {
                guard let id = element.string.flatMap(parseID) else {
                    return refuse("must be an id, a decimal string", at: index)
                }
                guard !ids.contains(id) else { return refuse("stands twice", at: index) }
                ids.append(id)
            }
            return .success(ids)
        }
    }
}
