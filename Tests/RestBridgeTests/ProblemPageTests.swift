import Foundation
import Testing

@testable import RestBridge

/// The pages behind `type`.
struct ProblemPageTests {
    /// Every problem of the API, of the broker and of the HTTP parser, with the words of docs/codes.md.
    @Test func pagesAndDocumentSayTheSame() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let codes = try String(contentsOf: root.appending(path: "docs/codes.md"), encoding: .utf8)
        #expect(Set(ProblemPage.all.map(\.name)).isSuperset(of: ProblemKind.allCases.map(\.rawValue)))
        for page in ProblemPage.all {
            let rows = codes.split(separator: "\n").filter { $0.hasPrefix("|") && $0.contains("`\(page.name)`") }
            #expect(!rows.isEmpty, "\(page.name)")
            for text in page.meanings { #expect(rows.contains { $0.contains(text) }, "\(page.name): \(text)") }
            if let kind = ProblemKind(rawValue: page.name) { #expect(page.status.contains("\(kind.status)")) }
        }
        // Of the parser's, and of the broker's.
        for name in ["headers-too-large", "topic-invalid"] { #expect(ProblemPage.find(name) != nil) }
    }

    @Test func everyTypeLeadsToItsPage() async throws {
        let hub = try await TestHub.shared
        let index = await hub.call("GET", "/docs/problems")
        #expect(index.status == 200 && index.header("Content-Type") == "text/html; charset=utf-8")
        for page in ProblemPage.all {
            let type = await hub.call("GET", "/problems/\(page.name)")
            #expect(type.status == 301 && type.header("Location") == "/docs/problems/\(page.name)")
            let answer = await hub.call("GET", "/docs/problems/\(page.name)")
            #expect(answer.status == 200 && answer.text.contains("<h1>\(page.title)</h1>"))
            #expect(index.text.contains("href=\"/docs/problems/\(page.name)\""))
        }
        #expect(await hub.call("GET", "/problems/no-such").problem == "not-found")
    }

    /// Nothing of a page can run, whatever a text holds.
    @Test func textsAreEscaped() async throws {
        let page = ProblemPage(
            "x", title: "X", status: "400", reason: "", retry: "after `a<b`", meanings: ["`<b>` & <script>"])
        #expect(page.html.contains("<p><code>&lt;b&gt;</code> &amp; &lt;script&gt;.</p>"))
        #expect(page.html.contains("Again after <code>a&lt;b</code>."))
        let hub = try await TestHub.shared
        let policy = await hub.call("GET", "/docs/problems/not-found").header("Content-Security-Policy")
        #expect(policy?.hasPrefix("default-src 'none'; style-src 'self';") == true)
    }
}
