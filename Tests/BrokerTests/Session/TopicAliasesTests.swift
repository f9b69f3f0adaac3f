import Testing

@testable import Broker

@Suite struct TopicAliasesTests {
    private func ask(_ aliases: inout TopicAliases, _ topic: String) -> String {
        let (alias, isNew) = aliases.alias(for: Array(topic.utf8).span)
        return "\(alias)" + (isNew ? "=" : "")
    }

    /// Each topic with what it gets: the alias, and `=` if it is set anew.
    @Test(arguments: [
        (1, "a 1=, a 1, b 1=, a 1=, a 1"),
        (3, "a 1=, b 2=, c 3=, a 1, c 3, b 2"),
        // Those that were used again stay; the hand takes what was not.
        (3, "a 1=, b 2=, c 3=, a 1, d 2=, a 1, d 2, c 3, e 3="),
        (2, "a 1=, b 2=, a 1, b 2, c 1=, b 2, a 1="),
        (2, "a 1=, A 2=, aa 1=, a 2="),
    ])
    func clock(maximum: UInt16, steps: String) {
        var aliases = TopicAliases(maximum: maximum)
        for step in steps.split(separator: ", ") {
            let words = step.split(separator: " ")
            #expect(ask(&aliases, String(words[0])) == words[1], "\(step) of \(steps)")
        }
    }

    @Test(arguments: [(0, 0), (5, 5), (16, 16), (17, 16), (.max, 16)] as [(UInt16, UInt8)])
    func maximum(wanted: UInt16, used: UInt8) {
        #expect(TopicAliases(maximum: wanted).maximum == used)
    }
}
