import Foundation
import Testing

/// What the sources name, the documents name too.
@Suite struct DocumentationTests {
    private static func text(_ path: String) throws -> String {
        try String(contentsOf: SourceTree.root.appending(path: path), encoding: .utf8)
    }

    /// The first groups of all matches.
    private static func found(_ pattern: Regex<(Substring, Substring)>, in text: String) -> Set<String> {
        Set(text.matches(of: pattern).map { String($0.output.1) })
    }

    private static func broker() throws -> String {
        try SourceTree.swiftFiles().filter { $0.module == "Broker" }.map(\.text).joined(separator: "\n")
    }

    @Test func readmeHasEveryFlag() throws {
        let flags = try ["Options", "TokenCommand", "UserCommand"].map { try Self.text("Sources/confab/\($0).swift") }
            .reduce(into: Set()) { $0.formUnion(Self.found(/\n +\(\s*"([a-z-]+)", "[A-Za-z]*",\s/, in: $1)) }
        try #require(flags.isSuperset(of: ["data", "hints", "proxy-protocol", "lifetime"]))
        let readme = try Self.text("README.md")
        #expect(flags.filter { !readme.contains("`--\($0)") }.sorted() == [])
    }

    @Test func readmeHasEveryLimit() throws {
        let source = try Self.text("Sources/Broker/RateLimits/RateLimits.swift")
        let names = Self.found(/case [A-Za-z]+ = "([a-z_]+)"/, in: source).union(["publishes", "searches", "mails"])
            .union(
                Self.found(/case "([a-z_]+)":/, in: try Self.text("Sources/Broker/RateLimits/RateLimits+File.swift")))
        try #require(names.isSuperset(of: ["sign_ups", "connections"]) && names.count > 8)
        let readme = try Self.text("README.md")
        #expect(names.filter { !readme.contains("`\($0)`") }.sorted() == [])
    }

    @Test func codesHasEveryProblem() throws {
        let problems = try Self.text("Sources/RestBridge/HTTP/Problem.swift")
        let rejections = try Self.text("Sources/Transport/HTTP/HTTPRejection.swift")
        let names = Self.found(/case [A-Za-z]+ = "([a-z-]+)"/, in: problems)
            .union(Self.found(/Refusal\(\s*"([a-z-]+)"/, in: try Self.broker()))
            .union(Self.found(/: \("([a-z-]+)",/, in: rejections))
        try #require(names.isSuperset(of: ["bad-request", "topic-invalid", "not-friends", "headers-too-large"]))
        // In the first column of a table, which `ProblemPageTests` compares with the pages.
        let codes = try Self.text("docs/codes.md").split(separator: "\n").filter { $0.hasPrefix("| `") }
            .compactMap { $0.split(separator: "|").first }
        #expect(names.filter { name in !codes.contains { $0.contains("`\(name)`") } }.sorted() == [])
    }

    /// Each reason that the broker's sources name stands in the list, by its number.
    @Test func codesHasEveryReasonOfTheBroker() throws {
        let values = try Self.text("Sources/MQTT/Types/ReasonCode.swift")
            .matches(of: /case ([A-Za-z0-9]+) = (0x[0-9A-F]{2})/)
        try #require(values.count > 40)
        let used = Self.found(/\.([a-zA-Z]+)/, in: try Self.broker())
        let codes = try Self.text("docs/codes.md")
        let missing = values.filter { used.contains(String($0.output.1)) && !codes.contains($0.output.2) }
        #expect(missing.map { String($0.output.1) } == [])
    }

    @Test func readmeHasEveryCallOfTheAPI() throws {
        let calls = Self.found(/Route\("[A-Z]+", "([^"]+)"/, in: try Self.text("Sources/RestBridge/RouteTable.swift"))
        try #require(calls.count > 30)
        let readme = try Self.text("README.md")
        // The README writes `/friends/add`, `/accept`, …: the last part is enough.
        let missing = calls.filter { call in
            !readme.contains(call) && !readme.contains("`/" + (call.split(separator: "/").last ?? "") + "`")
        }
        #expect(missing.sorted().filter { !$0.hasPrefix("/messages/") && !$0.hasPrefix("/conversations/") } == [])
    }

    /// Links between documents lead somewhere.
    @Test(arguments: ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
    func linksLeadSomewhere(document: String) throws {
        let text = try Self.text(document)
        let targets = Self.found(/\]\(([^)#:]+)\)/, in: text).union(Self.found(/`(docs\/[a-z0-9\/-]+\.md)`/, in: text))
        let missing = targets.filter {
            !FileManager.default.fileExists(atPath: SourceTree.root.appending(path: $0).path)
        }
        #expect(missing.sorted() == [])
    }

    @Test func decisionsAreNumbered() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: SourceTree.root.appending(path: "docs/decisions").path
        ).sorted()
        #expect(files.enumerated().allSatisfy { $1.hasPrefix("\(10_001 + $0)-".dropFirst()) }, "\(files)")
        for file in files {
            let text = try Self.text("docs/decisions/\(file)")
            #expect(text.contains("## Context") && text.contains("## Decision"), "\(file)")
        }
    }
}
