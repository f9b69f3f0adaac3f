import Testing
import Transport

@testable import RestBridge

/// `/docs`, and files that are the same for everybody.
struct DocumentPageTests {
    private static func request(_ headers: [(name: String, value: String)] = []) -> HTTPRequest {
        HTTPRequest(method: "GET", path: "/", headers: headers)
    }

    private static func text(_ file: StaticFile) -> String { String(decoding: file.bytes, as: UTF8.self) }

    /// A hub without Swagger UI says how to install it, and where the documents are.
    @Test func thePageSaysWhatIsMissing() async throws {
        let hub = try await TestHub.shared
        let page = await hub.call("GET", "/docs")
        #expect(page.status == 200 && page.header("Content-Type") == "text/html; charset=utf-8")
        for text in ["tools/setup.sh run", "--swagger-ui", "/openapi.json", "/asyncapi.json", "/docs/problems"] {
            #expect(page.text.contains(text), "\(text)")
        }
        #expect(!page.text.contains("<script"))
        #expect(await hub.call("GET", "/docs/assets/swagger-ui-bundle.js").problem == "not-found")
    }

    @Test func thePageLoadsWhatIsThere() {
        let pages = DocumentPages(SwaggerUI(script: Array("script".utf8), style: Array("style".utf8)))
        let page = Self.text(pages.overview)
        for name in ["swagger-ui-bundle.js", "swagger-ui.css", "start.js"] {
            #expect(pages.assets[name] != nil && page.contains("\"/docs/assets/\(name)\""))
        }
        #expect(pages.assets.count == 3 && pages.assets["swagger-ui.css"].map(Self.text) == "style")
    }

    /// Nothing in the page runs but files of the hub, and nothing leaves it but to the hub.
    @Test func thePolicyIsStrict() throws {
        let policy = try #require(DocumentPages(nil).overview.policy)
        #expect(policy.hasPrefix("default-src 'none'; "))
        #expect(!policy.contains("unsafe") && !policy.contains("*") && !policy.contains("http"))
        let page = Self.text(DocumentPages(SwaggerUI(script: [1], style: [1])).overview)
        #expect(!page.contains("<style") && !page.contains("style=") && !page.contains("<script>"))
    }

    @Test func filesAreNotSentTwice() async throws {
        let file = StaticFile("text/css", "body {}")
        let first = file.answer(Self.request())
        #expect(first.status == 200 && String(decoding: first.body, as: UTF8.self) == "body {}")
        let tag = try #require(first.headers.first { $0.name == "ETag" }?.value)
        let second = file.answer(Self.request([("if-none-match", tag)]))
        #expect(second.status == 304 && second.body.isEmpty)
        #expect(StaticFile("text/css", "body {} ").tag != tag)
    }

    /// What is large goes in pieces, none of which is lost.
    @Test(arguments: [65_535, 65_536, 65_537, 131_072, 200_000]) func largeFilesGoInPieces(size: Int) async throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let answer = StaticFile("text/plain", bytes).answer(Self.request())
        guard let source = answer.source else {
            #expect(size <= 65_536 && answer.body == bytes)
            return
        }
        #expect(size > 65_536 && source.length == size)
        var got: [UInt8] = []
        while got.count < source.length {
            let piece = try await source.next()
            #expect(1...65_536 ~= piece.count)
            got += piece
        }
        #expect(got == bytes)
    }
}
