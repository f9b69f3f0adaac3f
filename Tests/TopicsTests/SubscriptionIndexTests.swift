import Testing

@testable import Topics

extension SubscriptionIndex {
    mutating func sessions(_ topic: String) -> [Int32] {
        let bytes = Array(topic.utf8)
        return match(bytes.span).map(\.session)
    }

    mutating func add(_ text: String, _ session: Int32, identifier: UInt32 = 0) throws -> Bool {
        insert(
            try filter(text),
            Subscription(session: session, options: DeliveryOptions(qos: 1), identifier: identifier))
    }
}

@Suite struct SubscriptionIndexTests {
    @Test("[MQTT-3.8.4-3] the same filter again replaces the subscription")
    func replaces() throws {
        for text in ["a/b", "a/+", "a/#", "$share/g/a/b"] {
            var index = SubscriptionIndex(seed: 1)
            #expect(try index.add(text, 1))
            #expect(try !index.add(text, 1, identifier: 7))
            let topic = Array("a/b".utf8)
            let list = index.match(topic.span)
            #expect(list.count == 1 && list[0].identifier == 7 && index.count == 1)
        }
    }

    @Test("a session comes once for each of its filters, and its entries stand together")
    func overlapping() throws {
        var index = SubscriptionIndex(seed: 1)
        for text in ["a/b", "a/+", "#", "+/b", "a/b/#", "a/b/+", "b"] {
            for session in [2, 1, 3] as [Int32] { #expect(try index.add(text, session)) }
        }
        let expected: [Int32] = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3]
        #expect(index.sessions("a/b") == expected)
        #expect(index.sessions("a/b") == expected)
        #expect(index.sessions("$a/b") == [])
        #expect(index.count == 21)
    }

    @Test("every change is seen by the next match, and changes the generation")
    func generations() throws {
        var index = SubscriptionIndex(seed: 1)
        var generations: Set<UInt32> = [index.generation]
        let steps: [(String, Int32, Bool, [Int32])] = [
            ("t/1", 1, true, [1]), ("t/+", 2, true, [1, 2]), ("t/1", 3, true, [1, 2, 3]),
            ("t/#", 1, true, [1, 1, 2, 3]),
            ("t/1", 1, false, [1, 2, 3]), ("t/+", 2, false, [1, 3]), ("t/1", 3, false, [1]), ("t/#", 1, false, []),
        ]
        for (text, session, isInsertion, expected) in steps {
            let filter = try filter(text)
            if isInsertion {
                #expect(try index.add(text, session))
            } else {
                let isRemoved = index.remove(filter, session: session)
                let isRemovedAgain = index.remove(filter, session: session)
                #expect(isRemoved && !isRemovedAgain)
            }
            #expect(generations.insert(index.generation).inserted)
            #expect(index.sessions("t/1") == expected)
            #expect(index.sessions("t/1") == expected)
        }
        #expect(index.count == 0 && index.nodesCount == 1)
    }

    @Test func sharedSubscriptions() throws {
        var index = SubscriptionIndex(seed: 1)
        for session in 1...3 as ClosedRange<Int32> { #expect(try index.add("$share/g/a/+", session)) }
        #expect(try index.add("$share/h/a/b", 1))
        #expect(try index.add("a/b", 1))
        let topic = Array("a/b".utf8)
        let groups = Dictionary(grouping: index.match(topic.span), by: \.shareGroup).mapValues(\.count)
        #expect(groups.values.sorted() == [1, 1, 3] && groups[0] == 1)
        let group = try #require(groups.first { $0.value == 3 }?.key)
        #expect(try index.shareFilter(group) == filter("$share/g/a/+"))
        for session in 1...3 as ClosedRange<Int32> {
            let isRemoved = try index.remove(filter("$share/g/a/+"), session: session)
            #expect(isRemoved)
        }
        #expect(index.shareFilter(group) == nil)
        #expect(index.sessions("a/b") == [1, 1])
        let isRemoved = try index.remove(filter("$share/x/a/b"), session: 1)
        #expect(!isRemoved)
    }

    @Test("topics that peers invent take bounded memory")
    func boundedAnswers() throws {
        var index = SubscriptionIndex(seed: 1, answersMax: 8, answerSubscriptionsMax: 1_000)
        #expect(try index.add("#", 1))
        #expect(try index.add("kept", 2))
        for number in 0..<1_000 {
            #expect(index.sessions("topic/\(number)") == [1])
            #expect(index.entriesCount <= 9)
        }
        #expect(index.sessions("kept") == [1, 2])
        #expect(index.sessions(String(repeating: "x", count: 1_000)) == [1])
        #expect(index.entriesCount <= 9)
    }

    @Test("topics whose only wildcard filter is gone are forgotten when somebody asks for them")
    func answersThatBecomeEmpty() throws {
        var index = SubscriptionIndex(seed: 1, answersMax: 8, answerSubscriptionsMax: 1_000)
        #expect(try index.add("other/+", 1))
        for round in 0..<100 {
            #expect(try index.add("#", 2))
            for number in 0..<8 { #expect(index.sessions("topic/\(round)/\(number)") == [2]) }
            let isRemoved = try index.remove(filter("#"), session: 2)
            #expect(isRemoved)
            for number in 0..<8 { #expect(index.sessions("topic/\(round)/\(number)") == []) }
            #expect(index.entriesCount <= 8)
        }
    }

    @Test("large answers take the place of many small ones")
    func boundedSubscriptions() throws {
        var index = SubscriptionIndex(seed: 1, answersMax: 1_000, answerSubscriptionsMax: 100)
        for session in 0..<30 as Range<Int32> { #expect(try index.add("#", session)) }
        for number in 0..<50 {
            #expect(index.sessions("t/\(number)").count == 30)
            #expect(index.entriesCount <= 3)
        }
        for session in 30..<200 as Range<Int32> { #expect(try index.add("#", session)) }
        #expect(index.sessions("big").count == 200)
        #expect(index.entriesCount == 1)
    }

    @Test("without wildcards nothing is kept for topics that nobody subscribes to")
    func nothingKept() throws {
        var index = SubscriptionIndex(seed: 1)
        #expect(try index.add("a", 1))
        for number in 0..<100 { #expect(index.sessions("t/\(number)") == []) }
        #expect(index.entriesCount == 1)
    }

    @Test("hostile names: 65,535 slashes against filters of many plusses")
    func hostile() throws {
        var index = SubscriptionIndex(seed: 1)
        let levels = TopicFilter.wildcardLevelsMax
        for count in 1...levels {
            #expect(try index.add([String](repeating: "+", count: count).joined(separator: "/"), Int32(count)))
        }
        #expect(try index.add([String](repeating: "+", count: levels - 1).joined(separator: "/") + "/#", 1_000))
        #expect(index.sessions(String(repeating: "/", count: 65_535)) == [1_000])
        #expect(index.sessions(String(repeating: "/", count: levels - 1)) == [Int32(levels), 1_000])
        for count in 1...levels {
            let isRemoved = try index.remove(
                filter([String](repeating: "+", count: count).joined(separator: "/")), session: Int32(count))
            #expect(isRemoved)
        }
        #expect(index.nodesCount == levels)
    }

    @Test("agrees with naive matching through 3,000 random steps", arguments: [3, 4, 5] as [UInt64])
    func model(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var index = SubscriptionIndex(seed: seed, answersMax: 20, answerSubscriptionsMax: 300)
        var model: [String: Set<Int32>] = [:]
        let filters = (0..<60).map { _ in RandomNames.filter(&random) }
        let filterLevels = Dictionary(filters.map { ($0, levels($0)) }, uniquingKeysWith: { first, _ in first })
        for _ in 0..<3_000 {
            let text = filters.randomElement(using: &random)!
            let session = Int32.random(in: 0..<6, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<2:
                let isNew = try index.add(text, session)
                #expect(isNew == model[text, default: []].insert(session).inserted)
            case 2..<4:
                let isRemoved = try index.remove(filter(text), session: session)
                #expect(isRemoved == (model[text, default: []].remove(session) != nil))
            default:
                let topic = RandomNames.topic(&random)
                let topicLevels = levels(topic)
                let expected = model.filter { naiveMatch(filterLevels[$0.key]!, topicLevels) }.flatMap(\.value).sorted()
                let found = index.sessions(topic)
                #expect(found == expected, "\(topic)")
            }
        }
        #expect(index.count == model.values.map(\.count).reduce(0, +))
        for (text, sessions) in model {
            for session in sessions {
                let isRemoved = try index.remove(filter(text), session: session)
                #expect(isRemoved)
            }
        }
        #expect(index.count == 0 && index.nodesCount == 1 && index.entriesCount <= 20)
    }
}
