import Broker
import Glibc
import Testing

@testable import confab

/// `--limits off|FILE`.
struct LimitOptionTests {
    private func parse(_ value: String) -> Parsed<Options> { Options.parse(["--limits", value]) { _ in nil } }

    /// With a file of this content.
    private func parse(file: String) throws -> (parsed: Parsed<Options>, path: String) {
        var path = Array("/tmp/confab-limits-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        try #require(descriptor >= 0)
        let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(name) }
        #expect(write(descriptor, file, file.utf8.count) == file.utf8.count)
        close(descriptor)
        return (parse(name), name)
    }

    @Test func withoutTheFlagTheBuiltInOnesHold() {
        guard case .options(let options) = Options.parse([], environment: { _ in nil }) else {
            Issue.record("refused")
            return
        }
        #expect(options.limits == .builtIn)
    }

    @Test func offIsOff() {
        guard case .options(let options) = parse("off") else {
            Issue.record("refused")
            return
        }
        #expect(options.limits == .off)
    }

    @Test func aFileChangesSome() throws {
        guard case .options(let options) = try parse(file: #"{"connections_per_user": 3}"#).parsed else {
            Issue.record("refused")
            return
        }
        var expected = RateLimits.builtIn
        expected.connectionsPerUser = 3
        #expect(options.limits == expected)
    }

    @Test func whatIsWrongIsTold() throws {
        guard case .wrong(let missing) = parse("/no/such/file") else {
            Issue.record("taken")
            return
        }
        #expect(missing == "--limits: /no/such/file: No such file or directory (it takes a file of limits, or off)")
        let (parsed, path) = try parse(file: #"{"publish": "off"}"#)
        guard case .wrong(let flaw) = parsed else {
            Issue.record("taken")
            return
        }
        #expect(flaw == "--limits: \(path): publish: there is no such limit")
        guard case .wrong(let long) = try parse(file: String(repeating: " ", count: 70_000)).parsed else {
            Issue.record("taken")
            return
        }
        #expect(long.contains("has more than 65536 bytes"))
    }
}
