import Testing
import Topics

@Suite struct TopicFilterTests {
    @Test(
        "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]",
        arguments: [
            ("", FilterError.empty), ("a\0", .containsNUL), ("a/#/b", .misplacedWildcard), ("a#", .misplacedWildcard),
            ("#a", .misplacedWildcard), ("##", .misplacedWildcard), ("#/", .misplacedWildcard),
            ("a+", .misplacedWildcard), ("+a", .misplacedWildcard), ("a/+b/c", .misplacedWildcard),
            ("++", .misplacedWildcard), ("$share", .badShare), ("$share/", .badShare), ("$share/g", .badShare),
            ("$share/g/", .badShare), ("$share//a", .badShare), ("$share/+/a", .badShare), ("$share/g#/a", .badShare),
            ("$share/g\0/a", .containsNUL), ("$share/g/a#", .misplacedWildcard),
            (String(repeating: "a", count: 65_536), .tooLong),
            (String(repeating: "+/", count: 128), .tooManyLevels),
            (String(repeating: "/", count: 200) + "#", .tooManyLevels),
        ])
    func refuses(text: String, expected: FilterError) {
        #expect(throws: expected) { try filter(text) }
    }

    @Test(
        arguments: [
            ("a", false, nil), ("/", false, nil), ("+", true, nil), ("#", true, nil), ("/+/", true, nil),
            ("a/b/#", true, nil), ("$SYS/#", true, nil), ("$shared/g/a", false, nil), ("a/$share/+", true, nil),
            ("$share/g/#", true, "g"), ("$share/consumers//", false, "consumers"), ("ä/ö", false, nil),
        ] as [(String, Bool, String?)])
    func accepts(text: String, hasWildcards: Bool, shareName: String?) throws {
        let filter = try filter(text)
        #expect(filter.hasWildcards == hasWildcards)
        #expect(filter.shareName == shareName.map { Array($0.utf8) })
        #expect(filter.unshared.shareName == nil && filter.unshared.hasWildcards == hasWildcards)
    }

    @Test("a filter without wildcards has as many levels as it likes")
    func slashes() throws {
        let slashes = String(repeating: "/", count: 65_535)
        #expect(try filter(slashes).matches(slashes))
    }

    @Test(
        "[MQTT-4.7.2-1] and the examples of §4.7.1",
        arguments: [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/tennis/player1/#", "sport/tennis/player10", false), ("sport/#", "sport", true),
            ("sport/#", "sports", false), ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false), ("sport/+", "sport", false),
            ("sport/+", "sport/", true), ("+/+", "/finance", true), ("/+", "/finance", true), ("+", "/finance", false),
            ("#", "$SYS/a", false), ("+/a", "$SYS/a", false), ("$SYS/#", "$SYS/a", true), ("$SYS/+", "$SYS/a", true),
            ("+", "$", false), ("a/+/#", "a", false), ("a/+/#", "a/b", true), ("a/+", "a/$b", true), ("a/", "a", false),
            ("a", "a/", false), ("+/", "a/", true), ("+/", "a", false), ("#", "/", true), ("+", "", true),
            ("a//#", "a/", true), ("a//#", "a", false), ("$share/g/a/+", "a/b", true), ("ä/+", "ä/x", true),
            ("a\u{308}", "ä", false),
        ])
    func matches(text: String, topic: String, expected: Bool) throws {
        #expect(try filter(text).matches(topic) == expected)
        if !text.hasPrefix("$share/") { #expect(naiveMatch(text, topic) == expected) }
    }

    @Test("agrees with the naive matcher on 10,000 random pairs")
    func random() throws {
        var random = SeededGenerator(state: 1)
        var matchedCount = 0
        for _ in 0..<10_000 {
            let text = RandomNames.filter(&random)
            let topic = RandomNames.topic(&random)
            let expected = naiveMatch(text, topic)
            matchedCount += expected ? 1 : 0
            #expect(try filter(text).matches(topic) == expected, "\(text) \(topic)")
        }
        #expect(matchedCount > 400)
    }
}

/// Names over a tiny alphabet, so that they meet.
enum RandomNames {
    static func topic(_ random: inout SeededGenerator) -> String {
        let levels = (0..<Int.random(in: 1...5, using: &random)).map { _ in level(&random) }
        let name = levels.joined(separator: "/")
        return name.isEmpty ? "/" : name
    }

    static func filter(_ random: inout SeededGenerator) -> String {
        var levels = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            Int.random(in: 0..<3, using: &random) == 0 ? "+" : level(&random)
        }
        if Int.random(in: 0..<3, using: &random) == 0 { levels[levels.count - 1] = "#" }
        let text = levels.joined(separator: "/")
        return text.isEmpty ? "+" : text
    }

    private static func level(_ random: inout SeededGenerator) -> String {
        ["a", "b", "", "aa", "$x"].randomElement(using: &random)!
    }
}
