import Testing

@testable import RestBridge

@Suite struct MultipartParserTests {
    typealias Event = MultipartParser.Event

    /// All events, neighbouring data as one.
    private func events(_ bytes: [UInt8], pieces size: Int) throws -> (events: [Event], isComplete: Bool) {
        var parser = try #require(MultipartParser(boundary: "xyz"))
        var all: [Event] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            for event in try parser.receive(Array(bytes[start..<min(start + size, bytes.count)])) {
                if case .data(let more) = event, case .data(let before)? = all.last {
                    all[all.count - 1] = .data(before + more)
                } else {
                    all.append(event)
                }
            }
        }
        return (all, parser.isComplete)
    }

    private static let head =
        "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n"
        + "Content-Type: image/png\r\n\r\n"
    private static let part = Event.part(.init(name: "file", fileName: "a.png", mediaType: "image/png"))

    static let contents = [
        "", "x", "\r", "\n", "\r\n", "\r\n--", "\r\n--xy", "\r\n--xyy", "\r\r\n--x", "--xyz", "\r\n\r\n--xy\r\n--x",
        "a\r\n--xyzz".replacing("xyzz", with: "xyw"),
        String(repeating: "\r\n--xy", count: 50), String(repeating: "data ", count: 100),
    ]

    @Test(arguments: contents) func anyContentIsTakenOutHoweverItIsCut(_ content: String) throws {
        let bytes = Array((Self.head + content + "\r\n--xyz--\r\nepilogue").utf8)
        let expected = content.isEmpty ? [Self.part] : [Self.part, .data(Array(content.utf8))]
        for size in [1, 2, 3, 5, 7, 64, bytes.count] {
            let (events, isComplete) = try events(bytes, pieces: size)
            #expect(events == expected && isComplete, "in pieces of \(size)")
        }
    }

    @Test func severalParts() throws {
        let text =
            "\r\n--xyz\r\ncontent-disposition: FORM-DATA; name=a\r\n\r\n1\r\n--xyz\r\n"
            + "Content-Disposition: form-data; name=\"b\"; filename=\"C:\\x\\\"%22%0d.txt\"\r\n"
            + "Content-Transfer-Encoding: binary\r\n\r\n2\r\n--xyz--"
        // The line's end before the first boundary is what no client sends.
        #expect(throws: MultipartParser.Malformed.self) { try events(Array(text.utf8), pieces: 10) }
        let (found, isComplete) = try events(Array(text.dropFirst().utf8), pieces: 10)
        #expect(
            found == [
                .part(.init(name: "a", fileName: nil, mediaType: nil)), .data(Array("1".utf8)),
                .part(.init(name: "b", fileName: "C:\\x\"\"\r.txt", mediaType: nil)), .data(Array("2".utf8)),
            ])
        #expect(isComplete)
    }

    @Test(arguments: [
        "x--xyz\r\n", "--xy\r\n", "--xyz \r\n", "--xyz-\r\n", "--xyz\r\nno colon\r\n\r\n",
        "--xyz\r\nContent-Type: text/plain\r\n\r\n", "--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\n",
        "--xyz\r\nContent-Disposition: form-data\r\n\r\n", "--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",
        "--xyz\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n",
        "--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "--xyz\r\nX: \(String(repeating: "y", count: 9_000))\r\n",
    ]) func isRefused(_ text: String) {
        for size in [1, 1_000_000] {
            #expect(throws: MultipartParser.Malformed.self) { try events(Array(text.utf8), pieces: size) }
        }
    }

    @Test func isIncompleteBeforeTheLastBoundary() throws {
        let bytes = Array((Self.head + "abc\r\n--xyz--").utf8)
        for count in 0..<bytes.count {
            #expect(try !events(Array(bytes.prefix(count)), pieces: 100).isComplete, "\(count) bytes")
        }
    }

    @Test func boundaries() {
        #expect(MultipartParser(boundary: "") == nil)
        #expect(MultipartParser(boundary: String(repeating: "x", count: 71)) == nil)
        #expect(MultipartParser(boundary: "x ") == nil)
        #expect(MultipartParser(boundary: "a\r\nb") == nil)
        #expect(MultipartParser(boundary: String(repeating: "x", count: 70)) != nil)
    }
}
