import JSON
import Testing

/// Texts that are refused: why, and at which byte. Each runs through both readers.
@Suite struct JSONRefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var bytes: [UInt8]
        var error: JSONError
        var testDescription: String { "\(String(decoding: bytes, as: UTF8.self)) \(error.reason)" }

        init(_ text: String, _ reason: JSONError.Reason, _ offset: Int) {
            self.init(bytes: Array(text.utf8), reason, offset)
        }

        init(bytes: [UInt8], _ reason: JSONError.Reason, _ offset: Int) {
            self.bytes = bytes
            error = JSONError(reason, at: offset)
        }

        /// A string with these bytes in it.
        init(string: [UInt8], _ reason: JSONError.Reason, _ offset: Int) {
            self.init(bytes: [0x22] + string + [0x22], reason, offset)
        }
    }

    static let structure = [
        Case("", .unexpectedEnd, 0), Case("  ", .unexpectedEnd, 2), Case("[", .unexpectedEnd, 1),
        Case("[1", .unexpectedEnd, 2), Case("[1,", .unexpectedEnd, 3), Case("[1,]", .unexpectedCharacter, 3),
        Case("[,1]", .unexpectedCharacter, 1), Case("[1,,2]", .unexpectedCharacter, 3),
        Case("[1 2]", .unexpectedCharacter, 3), Case("[1}", .unexpectedCharacter, 2),
        Case("]", .unexpectedCharacter, 0),
        Case("}", .unexpectedCharacter, 0), Case("[]]", .trailingBytes, 2), Case("1 2", .trailingBytes, 2),
        Case("{}x", .trailingBytes, 2), Case("[][]", .trailingBytes, 2), Case("{\"a\":1}//", .trailingBytes, 7),
        Case("{", .unexpectedEnd, 1), Case("{\"a\"", .unexpectedEnd, 4), Case("{\"a\":", .unexpectedEnd, 5),
        Case("{\"a\":1", .unexpectedEnd, 6), Case("{\"a\":1,", .unexpectedEnd, 7),
        Case("{\"a\":1,}", .unexpectedCharacter, 7), Case("{\"a\" 1}", .unexpectedCharacter, 5),
        Case("{\"a\"}", .unexpectedCharacter, 4), Case("{\"a\":}", .unexpectedCharacter, 5),
        Case("{a:1}", .unexpectedCharacter, 1), Case("{1:1}", .unexpectedCharacter, 1),
        Case("{'a':1}", .unexpectedCharacter, 1), Case("{,}", .unexpectedCharacter, 1),
        Case("{\"a\":1]", .unexpectedCharacter, 6), Case("{\"a\":1 \"b\":2}", .unexpectedCharacter, 7),
        Case("[/**/]", .unexpectedCharacter, 1), Case("\u{FEFF}{}", .unexpectedCharacter, 0),
        Case("[1\u{C}]", .unexpectedCharacter, 2), Case("\u{0}", .unexpectedCharacter, 0),
        Case("\u{A0}1", .unexpectedCharacter, 0), Case("[*]", .unexpectedCharacter, 1),
        Case("nul", .unexpectedEnd, 3), Case("nulL", .unexpectedCharacter, 3), Case("True", .unexpectedCharacter, 0),
        Case("[fals]", .unexpectedCharacter, 5), Case("truth", .unexpectedCharacter, 3),
        Case("nullx", .trailingBytes, 4), Case("NaN", .unexpectedCharacter, 0),
        Case("undefined", .unexpectedCharacter, 0),
    ]

    static let numbers = [
        Case("-", .badNumber, 1), Case("+1", .unexpectedCharacter, 0), Case("01", .badNumber, 1),
        Case("-01", .badNumber, 2), Case("-a", .badNumber, 1), Case("1.", .badNumber, 2), Case("[1.]", .badNumber, 3),
        Case(".5", .unexpectedCharacter, 0), Case("-.5", .badNumber, 1), Case("1.e1", .badNumber, 2),
        Case("1e", .badNumber, 2), Case("1e+", .badNumber, 3), Case("0E", .badNumber, 2), Case("1eE2", .badNumber, 2),
        Case("0x1", .trailingBytes, 1), Case("1a", .trailingBytes, 1), Case("[1a]", .unexpectedCharacter, 2),
        Case("--1", .badNumber, 1), Case("Infinity", .unexpectedCharacter, 0), Case("-Infinity", .badNumber, 1),
        Case("1 000", .trailingBytes, 2), Case("\u{FF11}", .unexpectedCharacter, 0),
    ]

    static let strings = [
        Case("\"", .unexpectedEnd, 1), Case("\"a", .unexpectedEnd, 2), Case("\"\\", .unexpectedEnd, 2),
        Case("\"\\\"", .unexpectedEnd, 3), Case("'a'", .unexpectedCharacter, 0),
        Case("\"\\x00\"", .badEscape, 1), Case("\"a\\'\"", .badEscape, 2), Case("\"\\a\"", .badEscape, 1),
        Case("\"\\U0041\"", .badEscape, 1), Case("\"\\\u{1F300}\"", .badEscape, 1),
        Case("\"\\u\"", .badEscape, 1), Case("\"\\u00A\"", .badEscape, 1), Case("\"\\u00g0\"", .badEscape, 1),
        Case("\"\\u00", .unexpectedEnd, 5), Case("\"\\u{41}\"", .badEscape, 1), Case("\"\\u+041\"", .badEscape, 1),
        Case("\"\\u0000\"", .nulCharacter, 1), Case("\"ab\\u0000\"", .nulCharacter, 3),
        Case("\"\u{0}\"", .controlCharacter, 1), Case("\"a\u{1F}\"", .controlCharacter, 2),
        Case("\"a\nb\"", .controlCharacter, 2), Case("\"\t\"", .controlCharacter, 1),
        Case("\"\\\n\"", .badEscape, 1),
    ]

    static let surrogates = [
        Case("\"\\ud800\"", .loneSurrogate, 1), Case("\"\\uDFFF\"", .loneSurrogate, 1),
        Case("\"\\ud800x\"", .loneSurrogate, 1), Case("\"\\ud800\\n\"", .loneSurrogate, 1),
        Case("\"\\ud800\\ud800\"", .loneSurrogate, 1), Case("\"\\ud800\\u0041\"", .loneSurrogate, 1),
        Case("\"\\udc00\\ud800\"", .loneSurrogate, 1), Case("\"\\ud83d\\ude00\\ude00\"", .loneSurrogate, 13),
        Case("\"\\ud800\\u\"", .badEscape, 7), Case("\"\\ud800", .unexpectedEnd, 7),
        Case("\"\\ud800\\", .unexpectedEnd, 8), Case("\"\\ud800\\u12", .unexpectedEnd, 11),
        Case("{\"\\udead\":1}", .loneSurrogate, 2),
    ]

    static let encodings = [
        Case(string: [0x80], .notUTF8, 1), Case(string: [0xBF], .notUTF8, 1), Case(string: [0xFF], .notUTF8, 1),
        Case(string: [0xC0, 0x80], .notUTF8, 1), Case(string: [0xC0, 0xAF], .notUTF8, 1),
        Case(string: [0xC1, 0xBF], .notUTF8, 1), Case(string: [0xE0, 0x80, 0x80], .notUTF8, 1),
        Case(string: [0xE0, 0x9F, 0xBF], .notUTF8, 1), Case(string: [0xF0, 0x80, 0x80, 0x80], .notUTF8, 1),
        Case(string: [0xF0, 0x8F, 0xBF, 0xBF], .notUTF8, 1), Case(string: [0xED, 0xA0, 0x80], .notUTF8, 1),
        Case(string: [0xED, 0xBF, 0xBF], .notUTF8, 1), Case(string: [0xF4, 0x90, 0x80, 0x80], .notUTF8, 1),
        Case(string: [0xF5, 0x80, 0x80, 0x80], .notUTF8, 1), Case(string: [0xFC, 0x83, 0xBF], .notUTF8, 1),
        Case(string: [0x61, 0xC3, 0x28], .notUTF8, 2), Case(string: [0xE2, 0x82], .notUTF8, 1),
        Case(string: [0xE2, 0x28, 0xA1], .notUTF8, 1), Case(string: [0xE2, 0x82, 0x28], .notUTF8, 1),
        Case(string: [0xF0, 0x9F, 0x98], .notUTF8, 1), Case(string: [0xF0, 0x9F, 0x98, 0x28], .notUTF8, 1),
        Case(bytes: [0x22, 0xC3], .notUTF8, 1), Case(bytes: [0x22, 0xF0, 0x9F], .notUTF8, 1),
        Case(bytes: [0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00], .unexpectedCharacter, 0),
        Case(bytes: [0x5B, 0xE9, 0x5D], .unexpectedCharacter, 1),
    ]

    static let names = [
        Case("{\"a\":1,\"a\":1}", .repeatedName, 7), Case("{\"a\":1,\"\\u0061\":2}", .repeatedName, 7),
        Case("{\"\\u0061\":1,\"a\":2}", .repeatedName, 12), Case("{\"\":1,\"\":2}", .repeatedName, 6),
        Case("{\"\\u00e9\":1,\"\u{E9}\":2}", .repeatedName, 12), Case("{\"/\":1,\"\\/\":2}", .repeatedName, 7),
        Case("[{\"a\":{\"b\":1,\"b\":2}}]", .repeatedName, 13),
        Case("{\"a\":{\"a\":1},\"a\":2}", .repeatedName, 13),
        Case("{\"\\ud83d\\ude00\":1,\"\u{1F600}\":2}", .repeatedName, 18),
    ]

    @Test(arguments: structure + numbers + strings + surrogates + encodings + names)
    func refuses(_ testCase: Case) {
        #expect(throws: testCase.error) { try JSONValue(parsing: testCase.bytes) }
        // The same text as an object's member is refused by the scanner for the same reason, further on.
        let isWhole = [.trailingBytes, .unexpectedEnd].contains(testCase.error.reason)
        if isWhole || testCase.bytes.first == UInt8(ascii: "}") { return }
        let prefix = Array("{\"member\":".utf8)
        let text = prefix + testCase.bytes + [UInt8(ascii: "}")]
        let expected = JSONError(testCase.error.reason, at: testCase.error.offset + prefix.count)
        #expect(throws: expected) { try scanObject(text.span) }
    }

    @Test(arguments: [1, 2, 31, 32, 33, 100_000])
    func depth(_ depth: Int) {
        let arrays = Array(String(repeating: "[", count: depth).utf8)
        let closed = arrays + Array(String(repeating: "]", count: depth).utf8)
        let objects = Array(String(repeating: "{\"a\":", count: depth).utf8)
        if depth <= 32 {
            #expect(throws: Never.self) { try JSONValue(parsing: closed) }
            #expect(throws: JSONError(.unexpectedEnd, at: depth)) { try JSONValue(parsing: arrays) }
        } else {
            #expect(throws: JSONError(.tooDeep, at: 32)) { try JSONValue(parsing: closed) }
            #expect(throws: JSONError(.tooDeep, at: 32 * 5)) { try JSONValue(parsing: objects) }
            #expect(throws: JSONError(.tooDeep, at: 32 * 5)) { try scanObject(objects.span) }
        }
    }

    @Test func namesThatDifferOnlyCanonicallyAreTwo() throws {
        let text = Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8)
        #expect(try scanObject(text.span).count == 2)
    }

    @Test func manyMembersTakeLinearTime() throws {
        let members = (0..<200_000).map { "\"n\($0)\":\($0)" }
        let text = Array("{\(members.joined(separator: ","))}".utf8)
        #expect(try scanObject(text.span).count == 200_000)
        let last = Array("{\(members.joined(separator: ",")),\"\\u006e17\":0}".utf8)
        #expect(throws: JSONError(.repeatedName, at: last.count - 13)) { try scanObject(last.span) }
    }

    @Test func innerObjectsOfManyMembersKeepTheOuterNames() throws {
        let inner = (0..<40).map { "\"n\($0)\":{\"n\($0)\":1}" }.joined(separator: ",")
        let outer = (0..<40).map { "\"n\($0)\":{\(inner)}" }.joined(separator: ",")
        #expect(throws: Never.self) { try JSONValue(parsing: Array("{\(outer)}".utf8)) }
        for name in [0, 11, 12, 39] {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array("{\(outer),\"n\(name)\":0}".utf8)) }
            #expect(throws: JSONError.self) {
                try JSONValue(parsing: Array("{\"x\":{\(inner),\"n\(name)\":0}}".utf8))
            }
        }
    }
}
