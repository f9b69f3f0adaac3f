import FuzzSupport
import Topics

/// The rules of an `acl` claim.
struct AccessCheck {
    let user: Int64
    var clientID: [UInt8] = Array("phone".utf8)
    var publish: [[UInt8]] = []
    var subscribe: [[UInt8]] = []
    var all: [[UInt8]] = []
    var deny: [[UInt8]] = []
    var topics: [[UInt8]] = []
    var filters: [TopicFilter] = []

    init(user: Int64) { self.user = user }

    func checkAll() {
        guard !(publish + subscribe + all + deny).isEmpty else { return }
        let rules = makeRules(deny: deny), undenied = makeRules(deny: [])
        for topic in topics {
            let mayPublish = rules.mayPublish(topic.span), mayReceive = rules.mayReceive(topic.span)
            expect(!mayPublish || undenied.mayPublish(topic.span), "a denial grants a publish")
            expect(!mayReceive || undenied.mayReceive(topic.span), "a denial grants a message")
            if topic[0] == UInt8(ascii: "$") { checkSystem(topic, mayPublish || mayReceive) }
            guard !hasVariables else { continue }
            let isDenied = isDenied(topic)
            expectEqual(mayPublish, isAllowed(publish + all, topic) && !isDenied, "the right to publish")
            expectEqual(mayReceive, isAllowed(subscribe + all, topic) && !isDenied, "the right to receive")
        }
        for filter in filters where rules.maySubscribe(filter) {
            for topic in topics where filter.matches(topic.span) {
                expect(undenied.mayReceive(topic.span), "a filter is granted, a topic of it not")
            }
        }
    }

    private func makeRules(deny: [[UInt8]]) -> AccessRules {
        AccessRules(
            publish: texts(publish), subscribe: texts(subscribe), all: texts(all), deny: texts(deny), userID: user,
            clientID: clientID)
    }

    private func texts(_ patterns: [[UInt8]]) -> [String] { patterns.map { String(decoding: $0, as: UTF8.self) } }

    /// What `String` makes of a pattern that is no UTF-8.
    private func naive(_ pattern: [UInt8]) -> NaiveFilter? {
        NaiveFilter(Array(String(decoding: pattern, as: UTF8.self).utf8))
    }

    private var hasVariables: Bool {
        (publish + subscribe + all + deny).contains { String(decoding: $0, as: UTF8.self).utf8.contains(36) }
    }

    /// Only a pattern that itself begins with `$` and no variable may lead to topics that do.
    private func checkSystem(_ topic: [UInt8], _ isAllowed: Bool) {
        guard isAllowed else { return }
        expect(
            (publish + subscribe + all).contains { $0.first == UInt8(ascii: "$") && !$0.starts(with: "${".utf8) },
            "a variable leads to \(topic)")
    }

    private func isAllowed(_ patterns: [[UInt8]], _ topic: [UInt8]) -> Bool {
        patterns.contains { naive($0)?.matches(splitLevels(topic)) ?? false }
    }

    private func isDenied(_ topic: [UInt8]) -> Bool {
        // What can't be understood denies everything.
        deny.contains { naive($0)?.matches(splitLevels(topic)) ?? true }
    }
}
