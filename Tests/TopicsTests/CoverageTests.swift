import Testing
import Topics

@Suite struct CoverageTests {
    @Test(
        arguments: [
            ("#", "#", true), ("#", "a", true), ("#", "+/b/#", true), ("#", "$SYS/a", false), ("#", "$SYS/#", false),
            ("+", "$SYS", false), ("+/#", "#", true), ("+/#", "a/b", true), ("+", "#", false), ("+/+/#", "#", false),
            ("a/#", "a/#", true), ("a/#", "a", true), ("a/#", "a/+", true), ("a/#", "a/b/#", true), ("a/#", "#", false),
            ("a/#", "+/b", false), ("a/#", "b/#", false), ("a/#", "aa", false), ("a/+", "a/b", true),
            ("a/+", "a/+", true), ("a/+", "a/#", false), ("a/+", "a", false), ("a/+", "a/b/c", false),
            ("a/+/#", "a/#", false), ("a/+/#", "a/b", true), ("a/+/#", "a/b/#", true), ("a/b", "a/+", false),
            ("a/b", "a/b", true), ("a/b", "a/b/#", false), ("a", "a/#", false), ("$SYS/#", "$SYS/a/+", true),
            ("$SYS/#", "#", false), ("app/+/x", "app/$y/x", true), ("a/b", "$share/g/a/b", true),
            ("a/#", "$share/g/#", false),
            ("/#", "/", true), ("/#", "/+", true), ("+/a", "/a", true), ("+/+/#", "/#", true), ("/+/#", "/#", true),
            ("+/+", "/#", false), ("+", "/", false),
        ])
    func covers(cover: String, text: String, expected: Bool) throws {
        #expect(try filter(cover).covers(filter(text)) == expected)
    }

    @Test("no topic that the covered filter matches escapes its cover, and what is not covered has a witness")
    func random() throws {
        var random = SeededGenerator(state: 2)
        var coveredCount = 0
        for _ in 0..<4_000 {
            let cover = RandomNames.filter(&random)
            let text = RandomNames.filter(&random)
            let isCovered = try filter(cover).covers(filter(text))
            coveredCount += isCovered ? 1 : 0
            let escapes = witnesses(text).filter { naiveMatch(text, $0) && !naiveMatch(cover, $0) }
            #expect(escapes.isEmpty == isCovered, "\(cover) \(text) \(escapes)")
        }
        #expect(coveredCount > 100)
    }

    /// Topics that a filter matches: wildcards filled with a name that no filter uses, `#` with nothing and some
    /// levels.
    private func witnesses(_ filter: String) -> [String] {
        let levels = filter.split(separator: "/", omittingEmptySubsequences: false).map {
            $0 == "+" ? "zz" : String($0)
        }
        if levels.last != "#" { return [levels.joined(separator: "/")] }
        let base = Array(levels.dropLast())
        return (0...6).map { (base + [String](repeating: "zz", count: $0)).joined(separator: "/") }
            .filter { !$0.isEmpty }
    }

    @Test(
        "protocol.md §1, Filters, for user 7",
        arguments: [
            ("#", true), ("+/+", true), ("+", false), ("+/#", true), ("+/+/+", true), ("+/+/+/+", true),
            ("+/+/+/+/+", false), ("group/+", true), ("group/#", true), ("group/5/#", true), ("group/+/typing", true),
            ("group/+/read", true), ("group/+/other", false), ("group/+/+/+", false), ("group/05/+", false),
            ("direct/#", true), ("direct/+/+", true), ("direct/7/+", true), ("direct/+/7", true), ("direct/9/+", false),
            ("direct/5/+", true), ("direct/+/9", true), ("direct/+/5", false), ("direct/5/6/#", false),
            ("direct/5/7/#", true),
            ("direct/7/9/+", true), ("direct/7/5/+", false), ("direct/+", false), ("direct/+/+/typing", true),
            ("+/7/+", true), ("+/9/+", true), ("inbox/+", true), ("inbox/#", true), ("inbox/7/#", true),
            ("inbox/8/#", false),
            ("inbox/+/+", false), ("presence/+", true), ("presence/#", true), ("presence/+/+", false),
            ("inboxes/+", false),
            ("$SYS/#", false), ("app/#", false), ("+/7", true), ("+/typing", false), ("+/+/typing", true),
            ("$share/g/group/+", true),
        ])
    func couldCoverForUser7(text: String, expected: Bool) throws {
        #expect(try couldCover(filter(text), user: 7) == expected)
    }

    @Test func theEndsOfTheIDs() throws {
        #expect(try !couldCover(filter("direct/+/1"), user: 1))
        #expect(try couldCover(filter("direct/1/+"), user: 1))
        #expect(try !couldCover(filter("direct/9223372036854775807/+"), user: .max))
        #expect(try couldCover(filter("direct/+/9223372036854775807"), user: .max))
    }

    @Test(
        arguments: [
            ("#", true, true, false), ("+", true, true, false), ("+/a", true, true, false), ("a/#", false, true, false),
            ("inbox", true, false, false), ("inbox/#", true, false, false), ("group/+/x", true, false, false),
            ("groups/+", false, true, false), ("$SYS/#", false, false, true),
            ("$share/g/presence/1", true, false, false),
            ("$share/g/#", true, true, false), ("/inbox", false, true, false),
        ])
    func reach(text: String, reserved: Bool, plain: Bool, system: Bool) throws {
        let filter = try filter(text)
        #expect(filter.reachesReserved == reserved)
        #expect(filter.reachesPlain == plain)
        #expect(filter.reachesSystem == system)
    }
}
