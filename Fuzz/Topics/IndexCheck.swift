import FuzzSupport

@testable import Topics

/// The index beside a list of what was put in.
struct IndexCheck: ~Copyable {
    private struct Entry {
        var filter: TopicFilter
        var naive: NaiveFilter
        var session: Int32
        /// Distinct for each subscription, so that a found one tells where it comes from.
        var identifier: UInt32
    }

    /// Few answers are kept, so that they are soon thrown out.
    private var index = SubscriptionIndex(seed: 1, answersMax: 3, answerSubscriptionsMax: 8)
    private var entries: [Entry] = []
    private var nextIdentifier: UInt32 = 1

    mutating func insert(_ filter: TopicFilter, _ session: Int32) {
        guard let naive = NaiveFilter(filter.bytes) else { fatalError("a filter that is none") }
        let generation = index.generation
        let options = DeliveryOptions(qos: UInt8(nextIdentifier % 3))
        let isNew = index.insert(
            filter, Subscription(session: session, options: options, identifier: nextIdentifier))
        let old = entries.firstIndex { $0.filter == filter && $0.session == session }
        expectEqual(isNew, old == nil, "a new subscription")
        expect(index.generation != generation, "a change that is not told")
        if let old { entries.remove(at: old) }
        entries.append(Entry(filter: filter, naive: naive, session: session, identifier: nextIdentifier))
        nextIdentifier += 1
        expectEqual(index.count, entries.count, "subscriptions")
    }

    mutating func remove(_ filter: TopicFilter, _ session: Int32) {
        let old = entries.firstIndex { $0.filter == filter && $0.session == session }
        let isRemoved = index.remove(filter, session: session)
        expectEqual(isRemoved, old != nil, "a removed subscription")
        if let old { entries.remove(at: old) }
        expectEqual(index.count, entries.count, "subscriptions")
    }

    mutating func match(_ topic: [UInt8]) {
        let levels = splitLevels(topic)
        for entry in entries {
            expectEqual(entry.filter.matches(topic.span), entry.naive.matches(levels), "a match of \(entry.filter)")
        }
        let expected = entries.filter { $0.naive.matches(levels) }
        // The second answer is the one that was kept.
        for _ in 0..<2 {
            let found = index.match(topic.span)
            expectEqual(
                found.map(\.identifier).sorted(), expected.map(\.identifier).sorted(), "matches of \(topic)")
            expect(zip(found, found.dropFirst()).allSatisfy { $0.session <= $1.session }, "the order of sessions")
            for subscription in found { checkFound(subscription, expected) }
        }
    }

    private func checkFound(_ subscription: Subscription, _ expected: [Entry]) {
        guard let entry = expected.first(where: { $0.identifier == subscription.identifier }) else { return }
        expectEqual(subscription.session, entry.session, "the session")
        expectEqual(subscription.options, DeliveryOptions(qos: UInt8(entry.identifier % 3)), "the options")
        let shared = subscription.shareGroup == 0 ? nil : index.shareFilter(subscription.shareGroup)
        expectEqual(shared, entry.filter.isShared ? entry.filter : nil, "the share")
    }

    mutating func removeAll() {
        for entry in entries {
            let isRemoved = index.remove(entry.filter, session: entry.session)
            expect(isRemoved, "a subscription is gone")
        }
        expect(index.count == 0 && index.nodesCount == 1 && index.entriesCount <= 3, "something is left behind")
    }
}
