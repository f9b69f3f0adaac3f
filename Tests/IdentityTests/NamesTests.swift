import Testing

@testable import Identity

@Suite struct NamesTests {
    @Test(arguments: [
        ("ann", true), ("a.b", true), ("0-a", true), (String(repeating: "x", count: 32), true), ("an", false),
        (String(repeating: "x", count: 33), false), ("Ann", false), (".ann", false), ("123", false), ("änne", false),
        ("a b", false), ("", false), ("ann\u{0}", false),
    ])
    func usernames(name: String, isGood: Bool) { #expect(Names.isUsername(name) == isGood) }

    @Test(arguments: [
        ("A", true), ("Änne B.", true), (String(repeating: "é", count: 64), true), ("", false), (" \u{A0}", false),
        (String(repeating: "x", count: 65), false), ("a\nb", false), ("a\u{7F}", false),
    ])
    func displayNames(name: String, isGood: Bool) { #expect(Names.isDisplayName(name) == isGood) }
}
