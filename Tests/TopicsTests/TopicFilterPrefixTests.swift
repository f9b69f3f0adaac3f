import Testing

@testable import Topics

@Suite struct TopicFilterPrefixTests {
    @Test(
        arguments: [
            ("a", "a", nil), ("a/b", "a/b", nil), ("a/", "a/", nil), ("#", "", nil), ("+", "", nil), ("/#", "/", nil),
            ("a/#", "a/", "a"), ("a/b/#", "a/b/", "a/b"), ("a//#", "a//", "a/"), ("a/+", "a/", nil),
            ("a/+/b", "a/", nil),
            ("a/+/#", "a/", nil), ("+/#", "", nil), ("+/a/#", "", nil), ("/+", "/", nil), ("$share/g/a/#", "a/", "a"),
            ("$share/g/a", "a", nil),
        ] as [(String, String, String?)])
    func prefixAndParent(text: String, prefix: String, parent: String?) throws {
        let filter = try filter(text)
        #expect(Array(filter.literalPrefix) == Array(prefix.utf8))
        #expect(filter.literalParent == parent.map { Array($0.utf8) })
    }

    /// Whatever a filter matches begins with its prefix, or is its parent.
    @Test func matchesBeginAlike() throws {
        let levels = ["", "a", "b", "+"]
        let topicLevels = ["", "a", "b"]
        var topics: [String] = []
        for first in topicLevels {
            topics.append(first)
            for second in topicLevels {
                topics.append("\(first)/\(second)")
                for third in topicLevels { topics.append("\(first)/\(second)/\(third)") }
            }
        }
        for first in levels {
            for second in levels {
                for end in ["", "/#", "/+", "/b"] {
                    let filter = try filter("\(first)/\(second)\(end)")
                    for topic in topics where filter.matches(topic) {
                        let bytes = Array(topic.utf8)
                        #expect(bytes.starts(with: filter.literalPrefix) || bytes == filter.literalParent)
                    }
                }
            }
        }
    }
}
