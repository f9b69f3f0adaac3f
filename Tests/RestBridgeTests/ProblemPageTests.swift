import Foundation
import Testing

@testable import RestBridge

/// The pages behind `type`.
struct ProblemPageTests {
    /// A row of a table in docs/codes.md whose first column holds names of problems.
    private struct Row {
        var names: [String]
        /// By the heads of the columns.
        var cells: [String: String]
    }

    private static func rows() throws -> [Row] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try String(contentsOf: root.appending(path: "docs/codes.md"), encoding: .utf8)
        var heads: [String] = []
        var rows: [Row] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard line.hasPrefix("| ") else {
                if !line.hasPrefix("|") { heads = [] }
                continue
            }
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            if heads.isEmpty {
                heads = cells
            } else if heads[0] == "name" {
                let names = cells[0].split(separator: "`").map(String.init).filter { $0 != ", " }
                let pairs = zip(heads, cells).map { ($0, $1) }
                rows.append(Row(names: names, cells: Dictionary(uniqueKeysWithValues: pairs)))
            }
        }
        return rows
    }

    /// docs/codes.md names every problem that the sources name (`ArchitectureTests`), so each of these has a page.
    @Test func thePagesAreThoseOfTheDocument() throws {
        let documented = Set(try Self.rows().flatMap(\.names))
        #expect(documented.count > 50 && documented.isSuperset(of: ["topic-invalid", "headers-too-large"]))
        #expect(Set(ProblemPage.all.map(\.name)) == documented)
        #expect(documented.isSuperset(of: ProblemKind.allCases.map(\.rawValue)))
        #expect(Set(ProblemPage.all.map(\.name)).count == ProblemPage.all.count)
    }

    /// The words of the document, and its codes; it refers from one table to another by "above".
    @Test(arguments: ProblemPage.all.map(\.name)) func pageAndDocumentSayTheSame(name: String) throws {
        let page = try #require(ProblemPage.find(name))
        let rows = try Self.rows().filter { $0.names.contains(name) }
        let meanings = rows.compactMap { $0.cells["meaning"] }.filter { $0 != "above" }
        #expect(Set(meanings) == Set(page.meanings))
        for row in rows {
            if let status = row.cells["status"] ?? row.cells["HTTP"] {
                let status = status.components(separatedBy: ", `")[0]
                #expect(status == "–" || page.status.contains(status), "\(status)")
            }
            if let reason = row.cells["MQTT 5"], reason != "–" {
                #expect(!page.reason.isEmpty && reason.hasPrefix(page.reason), "\(reason)")
            }
            if let retry = row.cells["retry"], !retry.isEmpty { #expect(retry == page.retry) }
        }
        if let kind = ProblemKind(rawValue: name) { #expect(page.status.contains("\(kind.status)")) }
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
