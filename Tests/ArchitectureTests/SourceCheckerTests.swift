import Testing

/// The checker itself: it finds what is wrong and lets pass what is right.
@Suite struct SourceCheckerTests {
    struct Case: Sendable {
        let module: String
        let text: String
        let expected: [String]
    }

    static let cases = [
        Case(module: "MQTT", text: "struct Packet {}\n", expected: []),
        Case(module: "MQTT", text: "import Topics\n", expected: ["line 1: MQTT must not import Topics"]),
        Case(module: "MQTT", text: "import Glibc\n", expected: ["line 1: MQTT must not import Glibc"]),
        Case(module: "confab", text: "import Foundation\n", expected: ["line 1: confab must not import Foundation"]),
        Case(
            module: "Topics", text: "// import MQTT\n\n@_spi(X) package import struct MQTT.Packet\n",
            expected: ["line 3: Topics must not import MQTT"]),
        Case(module: "Transport", text: "internal import MQTT\n", expected: ["line 1: Transport must not import MQTT"]),
        Case(module: "Broker", text: "import MQTT\nimport Topics\nimport Synchronization\n", expected: []),
        Case(
            module: "Broker", text: "func read(_ bytes: UnsafeRawBufferPointer) {}\n",
            expected: ["line 1: Broker must not touch raw pointers"]),
        Case(module: "JSON", text: "let x = unsafe y\n", expected: ["line 1: JSON must not touch raw pointers"]),
        Case(module: "Transport", text: "let p: UnsafeMutablePointer<UInt8>\n", expected: []),
        Case(module: "Broker", text: "/// No Unsafe type is used here.\n", expected: []),
        Case(
            module: "RestBridge", text: "let url = \"https://x\"; let q = \"SELECT id FROM users\"\n",
            expected: ["line 1: RestBridge must not speak SQL (SELECT id)"]),
        Case(
            module: "Identity", text: "run(\"UPDATE users SET name = $1\")\n",
            expected: ["line 1: Identity must not speak SQL (UPDATE users)"]),
        Case(
            module: "Broker", text: "\"DELETE FROM x\"\n",
            expected: ["line 1: Broker must not speak SQL (DELETE FROM)"]),
        Case(module: "RestBridge", text: "route(\"DELETE /groups/{id}\") // SELECT the group\n", expected: []),
        Case(module: "Persistence", text: "let q = \"SELECT 1\"\n", expected: []),
        Case(module: "MQTT", text: String(repeating: "\n", count: 400), expected: []),
        Case(module: "MQTT", text: String(repeating: "\n", count: 401), expected: ["401 lines, at most 400"]),
    ]

    @Test(arguments: cases) func findsWhatBreaksTheRules(sample: Case) throws {
        let rules = try #require(Rules.byModule[sample.module])
        #expect(SourceChecker(module: sample.module, rules: rules).violations(in: sample.text) == sample.expected)
    }

    @Test func readsTheManifestsArrows() {
        let manifest = """
            targets: [
                .target(name: "A", swiftSettings: safe),
                .target(
                    name: "B",
                    dependencies: ["A", "C"]),
                .testTarget(name: "ATests", dependencies: ["A"]),
                .executableTarget(name: "d", dependencies: ["B"], swiftSettings: safe),
            ]
            """
        #expect(Manifest.dependencies(in: manifest) == ["A": [], "B": ["A", "C"], "d": ["B"]])
    }
}
