/// Which subscriptions a topic reaches; one per reactor thread.
///
/// Nearly every publish goes to a topic that was published to before, so the answer is kept, not computed. A hash table
/// leads from the bytes of a topic to an entry that holds two lists: the subscriptions to exactly this topic, and the
/// *answer*, which is those and the ones of matching wildcard filters, one behind the other in memory, in order of
/// session. A lookup that finds a fresh answer costs one hash, one comparison, one retain.
///
/// Only the entry knows its exact subscriptions, so a change of those makes just its own answer stale. A change of a
/// wildcard filter may concern any entry: it raises `wildcardGeneration`, and an answer made under another generation
/// is stale. Stale answers are made anew when somebody asks: one walk over the trie of wildcard filters, which visits a
/// node at most once, so a topic costs at most what comparing it with every filter would.
///
/// Peers choose topics, so what is kept for their sake is bounded. Answers that are more than the exact list stand in a
/// queue, oldest first, and the oldest goes when there are too many answers or too many subscriptions in them: an entry
/// without exact subscriptions goes altogether, another loses its answer. Long topics are not kept at all.
package struct SubscriptionIndex: ~Copyable {
    private struct Entry {
        var hash: UInt64 = 0
        var topic: [UInt8] = []
        var exact: SubscriptionList = []
        var answer: SubscriptionList = []
        /// Under which the answer was made; 0: there is none.
        var answerGeneration: UInt64 = 0
        /// Where the entry stands in the queue of answers, -1: it does not.
        var queuePosition: Int = -1
    }

    /// Answers kept beyond exact lists; at 4,096 topics of 256 bytes at most 1 MiB of names.
    package static let answersMax = 4_096
    package static let answerTopicBytesMax = 256
    /// Subscriptions in those answers together: 4 MiB.
    package static let answerSubscriptionsMax = 262_144

    private var entries: [Entry] = []
    private var freeEntries: [Int32] = []
    private var table = SlotTable()
    private let hash: ByteHash
    private var trie: WildcardTrie
    private var shares = ShareGroups()
    private var queue: AnswerQueue
    private var wildcardGeneration: UInt64 = 1
    private var exactCount = 0

    /// Changes with every change of the subscriptions, so that a caller may keep a topic's list until then.
    package private(set) var generation: UInt32 = 1
    /// Subscriptions in the index.
    package var count: Int { exactCount + trie.count }
    /// Topics that have an entry: for metrics, and for tests that memory is bounded.
    package var entriesCount: Int { entries.count - freeEntries.count }
    var nodesCount: Int { trie.nodesCount }

    /// `seed` is random and secret. The limits are for tests; `answersMax` and `answerSubscriptionsMax` are the
    /// defaults.
    package init(
        seed: UInt64, answersMax: Int = Self.answersMax, answerSubscriptionsMax: Int = Self.answerSubscriptionsMax
    ) {
        hash = ByteHash(seed: seed)
        trie = WildcardTrie(hash: ByteHash(seed: seed))
        queue = AnswerQueue(answersMax: answersMax, subscriptionsMax: answerSubscriptionsMax)
    }

    /// True: new; false: it replaced the session's subscription to the same filter [MQTT-3.8.4-3].
    package mutating func insert(_ filter: TopicFilter, _ subscription: Subscription) -> Bool {
        var subscription = subscription
        subscription.shareGroup = shares.group(for: filter)
        let topic = filter.bytes.span.extracting(filter.start..<filter.bytes.count)
        generation &+= 1
        let isNew: Bool
        if filter.hasWildcards {
            wildcardGeneration += 1
            isNew = trie.insert(topic, subscription)
        } else {
            let number = findOrAddEntry(topic)
            dropAnswer(number)
            isNew = entries[number].exact.insertOrReplace(subscription)
            if isNew { exactCount += 1 }
        }
        if isNew { shares.retain(subscription.shareGroup) }
        return isNew
    }

    /// False: the session has no such subscription.
    package mutating func remove(_ filter: TopicFilter, session: Int32) -> Bool {
        guard let group = shares.existingGroup(for: filter) else { return false }
        var wanted = Subscription(session: session, options: DeliveryOptions(rawValue: 0))
        wanted.shareGroup = group
        let topic = filter.bytes.span.extracting(filter.start..<filter.bytes.count)
        guard filter.hasWildcards ? removeWildcard(topic, wanted.key) : removeExact(topic, wanted.key) else {
            return false
        }
        shares.release(group)
        generation &+= 1
        return true
    }

    /// The `$share` filter whose subscriptions bear this number; nil once the last is gone.
    package func shareFilter(_ group: UInt32) -> TopicFilter? { shares.filter(group) }

    /// All subscriptions whose filters match, in order of session: a session comes once for each of its filters.
    package mutating func match(_ topic: Span<UInt8>) -> [Subscription] {
        let hash = hash.hash(topic)
        let number = find(topic, hash)
        if trie.count == 0 { return number < 0 ? [] : entries[number].exact }
        if number >= 0, entries[number].answerGeneration == wildcardGeneration { return entries[number].answer }
        return makeAnswer(topic, hash, number)
    }

    private mutating func makeAnswer(_ topic: Span<UInt8>, _ hash: UInt64, _ found: Int) -> [Subscription] {
        var number = found
        if number >= 0 { dropAnswer(number) }
        var answer = number < 0 ? [] : entries[number].exact
        let exactCount = answer.count
        let isMixed = trie.collect(topic, into: &answer)
        if answer.count > exactCount, isMixed || exactCount > 0 { answer.sort { $0.key < $1.key } }
        if number >= 0, answer.isEmpty {
            // It was there for an answer to a wildcard that is gone; outside of the queue nothing would ever remove it.
            removeEntry(number)
            return []
        }
        if number >= 0, answer.count == exactCount {
            // No wildcard matches: the answer shares the storage of the exact list and costs nothing.
            entries[number].answer = answer
            entries[number].answerGeneration = wildcardGeneration
            return answer
        }
        if topic.count > Self.answerTopicBytesMax { return answer }
        if number < 0 { number = addEntry(topic, hash) }
        entries[number].answer = answer
        entries[number].answerGeneration = wildcardGeneration
        while queue.isFull(adding: answer.count), let oldest = queue.popOldest() { evict(oldest) }
        entries[number].queuePosition = queue.push(Int32(number), subscriptionsCount: answer.count)
        return answer
    }

    @inline(__always)
    private func find(_ topic: Span<UInt8>, _ hash: UInt64) -> Int {
        var probe = table.start(hash)
        while true {
            let candidate = Int(table.next(&probe, hash))
            if candidate < 0 { return -1 }
            if entries[candidate].hash == hash,
                Level.equal(entries[candidate].topic, topic)
            {
                return candidate
            }
        }
    }

    private mutating func findOrAddEntry(_ topic: Span<UInt8>) -> Int {
        let hash = hash.hash(topic)
        let number = find(topic, hash)
        return number >= 0 ? number : addEntry(topic, hash)
    }

    private mutating func addEntry(_ topic: Span<UInt8>, _ hash: UInt64) -> Int {
        let entry = Entry(hash: hash, topic: [UInt8](topic))
        let number: Int
        if let free = freeEntries.popLast() {
            number = Int(free)
            entries[number] = entry
        } else {
            number = entries.count
            entries.append(entry)
        }
        table.insert(Int32(number), hash)
        return number
    }

    /// The entry is out of the queue already.
    private mutating func evict(_ number: Int32) {
        let number = Int(number)
        entries[number].queuePosition = -1
        entries[number].answer = []
        entries[number].answerGeneration = 0
        if entries[number].exact.isEmpty { removeEntry(number) }
    }

    private mutating func dropAnswer(_ number: Int) {
        if entries[number].queuePosition >= 0 {
            queue.remove(at: entries[number].queuePosition, subscriptionsCount: entries[number].answer.count)
            entries[number].queuePosition = -1
        }
        entries[number].answer = []
        entries[number].answerGeneration = 0
    }

    private mutating func removeEntry(_ number: Int) {
        table.remove(Int32(number), entries[number].hash)
        entries[number] = Entry()
        freeEntries.append(Int32(number))
    }

    private mutating func removeExact(_ topic: Span<UInt8>, _ key: UInt64) -> Bool {
        let number = find(topic, hash.hash(topic))
        guard number >= 0 else { return false }
        dropAnswer(number)
        let isFound = entries[number].exact.remove(key: key)
        if isFound { exactCount -= 1 }
        if entries[number].exact.isEmpty { removeEntry(number) }
        return isFound
    }

    private mutating func removeWildcard(_ filter: Span<UInt8>, _ key: UInt64) -> Bool {
        guard trie.remove(filter, key: key) else { return false }
        wildcardGeneration += 1
        return true
    }
}
