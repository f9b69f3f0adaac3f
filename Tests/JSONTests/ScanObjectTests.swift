import JSON
import Testing

@Suite struct ScanObjectTests {
    @Test func listsTopLevelMembers() throws {
        let text =
            #" {"type" : "me\u0073sage","n": -1.5e3 ,"o":{"a":[{}, "}"],"type":1},"l":[ ],"t":true,"\u007a":null} "#
        let bytes = Array(text.utf8)
        let members = try scanObject(bytes.span)
        #expect(members.map(\.name) == ["type", "n", "o", "l", "t", "z"])
        #expect(members.map(\.kind) == [.string, .number, .object, .array, .bool, .null])
        let values = members.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        #expect(values == [#""me\u0073sage""#, "-1.5e3", #"{"a":[{}, "}"],"type":1}"#, "[ ]", "true", "null"])
        #expect(decodeString(bytes.span, members[0].range) == Array("message".utf8))
    }

    @Test func emptyObject() throws {
        #expect(try scanObject(Array("{}".utf8).span).isEmpty)
    }

    @Test(arguments: ["[]", "1", "\"a\"", "null", "[{}]"])
    func refusesWhatIsNoObject(_ text: String) {
        #expect(throws: JSONError(.unexpectedCharacter, at: 0)) { try scanObject(Array(text.utf8).span) }
    }

    @Test(arguments: [
        (#""""#, ""), (#""plain é""#, "plain é"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#""\u00e9\u20AC\ud83d\ude00\u00ff""#, "\u{E9}\u{20AC}\u{1F600}\u{FF}"),
    ])
    func decodesStrings(_ literal: String, _ expected: String) {
        let bytes = Array("  \(literal)  ".utf8)
        #expect(decodeString(bytes.span, 2..<bytes.count - 2) == Array(expected.utf8))
    }

    @Test(arguments: [("12", 12), ("-12", -12), ("", nil), ("-", nil), ("1.0", nil), ("9223372036854775808", nil)])
    func decodesIntegers(_ literal: String, _ expected: Int64?) {
        let bytes = Array("x\(literal)x".utf8)
        #expect(decodeInteger(bytes.span, 1..<bytes.count - 1) == expected)
    }

    /// Every prefix of a valid text is refused, and none traps.
    @Test func prefixesAreRefused() {
        let text = Array(#"{"a":"é\ud83d\ude00\n","b":[-1.5e3,true,null,{"c":false}]}"#.utf8)
        for end in 0..<text.count {
            #expect(throws: JSONError.self) { try scanObject(Array(text[..<end]).span) }
        }
    }

    /// Both readers agree on texts with one byte changed, and what the scanner lets through can be decoded.
    @Test func mutatedTextsNeverTrap() {
        let text = Array(#"{"a":"é\ud83d\ude00\n","\u0062":[-1.5e3,true,null,{"c":false}],"d":0}"#.utf8)
        for offset in text.indices.dropFirst() {
            for byte in UInt8.min...UInt8.max {
                var mutated = text
                mutated[offset] = byte
                let scanned = Result { () throws(JSONError) in try scanObject(mutated.span) }
                let parsed = Result { () throws(JSONError) in try JSONValue(parsing: mutated) }
                switch (scanned, parsed) {
                case (.success(let members), .success(let value)):
                    #expect(members.map(\.name) == value.object?.map(\.name))
                case (.failure(let left), .failure(let right)): #expect(left == right)
                default: Issue.record("the readers differ on \(mutated)")
                }
            }
        }
    }
}
