import JSON
import Testing

@Suite struct JSONWriterTests {
    private func check(_ expected: String, _ write: (inout JSONWriter) -> Void) throws {
        var writer = JSONWriter()
        write(&writer)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
        #expect(throws: Never.self) { try JSONValue(parsing: writer.bytes) }
    }

    @Test func commasComeByThemselves() throws {
        try check(#"{"a":1,"b":[true,null,{},[],"x"],"c":{"d":"17","e":false},"f":[1]}"#) {
            $0.beginObject()
            $0.name("a")
            $0.number(1)
            $0.name("b")
            $0.beginArray()
            $0.bool(true)
            $0.null()
            $0.beginObject()
            $0.endObject()
            $0.beginArray()
            $0.endArray()
            $0.string("x")
            $0.endArray()
            $0.name("c")
            $0.beginObject()
            $0.name("d")
            $0.id(17)
            $0.name("e")
            $0.bool(false)
            $0.endObject()
            $0.name("f")
            $0.raw(Array("[1]".utf8))
            $0.endObject()
        }
    }

    @Test func extremes() throws {
        try check("[0,-1,9223372036854775807,-9223372036854775808,\"9223372036854775807\"]") {
            $0.beginArray()
            for number: Int64 in [0, -1, .max, .min] { $0.number(number) }
            $0.id(.max)
            $0.endArray()
        }
    }

    @Test(arguments: [
        ("", #""""#), ("plain é😀", #""plain é😀""#), ("\"\\/", #""\"\\/""#),
        ("\u{8}\u{C}\n\r\t", #""\b\f\n\r\t""#), ("\u{0}\u{1F}\u{7F}", "\"\\u0000\\u001f\u{7F}\""),
    ])
    func escapes(_ text: String, _ expected: String) {
        var writer = JSONWriter()
        writer.string(text)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
        var bytes: [UInt8] = []
        appendJSONString(utf8: text.utf8.span, to: &bytes)
        #expect(bytes == writer.bytes)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1_795_338_000_123, "2026-11-22T09:00:00.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
        (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (-86_400_000, "1969-12-31T00:00:00.000Z"),
    ])
    func times(_ milliseconds: Int64, _ expected: String) {
        var writer = JSONWriter()
        writer.time(milliseconds: milliseconds)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"\(expected)\"")
    }

    @Test func misuseTraps() async {
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.beginObject()
            writer.number(1)
        }
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.beginArray()
            writer.endObject()
        }
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.null()
            writer.null()
        }
    }
}
