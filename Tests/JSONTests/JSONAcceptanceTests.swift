import JSON
import Testing

/// Texts that RFC 8259 allows, by the names they have in JSONTestSuite where it has them.
@Suite struct JSONAcceptanceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var value: JSONValue
        var testDescription: String { text }

        init(_ text: String, _ value: JSONValue) {
            self.text = text
            self.value = value
        }
    }

    static let noncharacters = String(
        String.UnicodeScalarView([0xFDD0, 0xFFFF, 0x10FFFF].compactMap(Unicode.Scalar.init)))

    static let cases = [
        Case("null", .null), Case("true", .bool(true)), Case("false", .bool(false)),
        Case("42", .number("42")), Case("-0", .number("-0")), Case("-0.1", .number("-0.1")),
        Case("0e+1", .number("0e+1")), Case("1E22", .number("1E22")), Case("1.5e-7", .number("1.5e-7")),
        Case("123123e100000", .number("123123e100000")), Case(" \t\r\n1\n", .number("1")),
        Case("\"\"", .string("")), Case("\"a\"", .string("a")), Case("\"\u{7F}\"", .string("\u{7F}")),
        Case(#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
        Case(#""\u0060\u012a\u12AB""#, .string("\u{60}\u{12A}\u{12AB}")),
        Case(#""\u0001""#, .string("\u{1}")),
        Case(#""\ud801\udc37""#, .string("\u{10437}")), Case(#""\uDBFF\uDFFF""#, .string("\u{10FFFF}")),
        Case(#""\uD83d\ude39\ud83d\udc8d""#, .string("\u{1F639}\u{1F48D}")),
        Case(#""\\u0000""#, .string("\\u0000")), Case(#""\\\\a""#, .string("\\\\a")),
        Case("\"\u{E9}\u{20AC}\u{1F600}\"", .string("\u{E9}\u{20AC}\u{1F600}")),
        Case("\"\(noncharacters)\"", .string(noncharacters)),
        Case("\"\u{2028}\u{2029}\"", .string("\u{2028}\u{2029}")), Case(#""\uFEFF""#, .string("\u{FEFF}")),
        Case("[]", .array([])), Case("[ ]", .array([])), Case("[[]   ]", .array([.array([])])),
        Case("[1,null,[2],\"x\"]", .array([.number("1"), .null, .array([.number("2")]), .string("x")])),
        Case("{}", .object([])), Case(" { } ", .object([])),
        Case("{\"\":0}", .object([JSONMember("", .number("0"))])),
        Case(
            "{\"a\":{\"a\":1} , \"b\" : [ {} , {\"a\":2} ]}",
            .object([
                JSONMember("a", .object([JSONMember("a", .number("1"))])),
                JSONMember("b", .array([.object([]), .object([JSONMember("a", .number("2"))])])),
            ])),
        Case(#"{"\u0061b":1}"#, .object([JSONMember("ab", .number("1"))])),
    ]

    @Test(arguments: cases)
    func reads(_ testCase: Case) throws {
        #expect(try JSONValue(parsing: Array(testCase.text.utf8)) == testCase.value)
    }

    @Test func stringsKeepTheirBytes() throws {
        let value = try JSONValue(parsing: Array(#"["\u00e9","e\u0301","é"]"#.utf8)).array
        #expect(value?[0] == value?[2])
        #expect(value?[0] != value?[1], "canonically equivalent is not equal")
        #expect(value?[1].string.map { Array($0.utf8) } == [0x65, 0xCC, 0x81])
    }

    @Test func accessorsGiveTheirKindOnly() throws {
        let text = #"{"s":"x","n":9223372036854775807,"b":false,"a":[1],"o":{},"z":null,"K":1}"#
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value["s"]?.string == "x" && value["n"]?.string == nil)
        #expect(value["n"]?.int64 == .max && value["s"]?.int64 == nil)
        #expect(value["b"]?.bool == false && value["z"]?.bool == nil)
        #expect(value["a"]?.array?.count == 1 && value["o"]?.array == nil)
        #expect(value["o"]?.object?.isEmpty == true && value["a"]?.object == nil)
        #expect(value["z"]?.isNull == true && value["y"] == nil && value["a"]?["s"] == nil)
        #expect(value["\u{212A}"] == nil, "the Kelvin sign is canonically equivalent to K")
    }

    @Test(arguments: [
        ("0", 0), ("-0", 0), ("7", 7), ("-7", -7), ("9223372036854775807", Int64.max),
        ("-9223372036854775808", Int64.min), ("9223372036854775808", nil), ("-9223372036854775809", nil),
        ("99999999999999999999999", nil), ("1.0", nil), ("1e3", nil), ("\"1\"", nil),
    ])
    func integersAreExact(_ text: String, _ expected: Int64?) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)).int64 == expected)
    }

    @Test(arguments: [
        ("{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true), ("{\"a\":1}", "{\"a\":1,\"b\":1}", false),
        ("{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false), ("[1,2]", "[2,1]", false), ("1", "1.0", false),
        ("null", "false", false), ("\"1\"", "1", false), ("{\"a\":1,\"b\":2}", "{\"b\":2,\"c\":1}", false),
    ])
    func equality(_ left: String, _ right: String, _ expected: Bool) throws {
        let left = try JSONValue(parsing: Array(left.utf8))
        let right = try JSONValue(parsing: Array(right.utf8))
        #expect((left == right) == expected)
        #expect((right == left) == expected)
    }

    @Test func deepTextsCompareInLinearTime() throws {
        func nested(_ inner: String) throws -> JSONValue {
            let text = String(repeating: "{\"b\":1,\"a\":", count: 60) + inner + String(repeating: "}", count: 60)
            return try JSONValue(parsing: Array(text.utf8), depthMax: 64)
        }
        #expect(try nested("1") != nested("2"))
    }
}
