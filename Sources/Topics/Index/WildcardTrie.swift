/// Filters with wildcards as a tree of levels. Walks are loops over a frontier of nodes, never recursion.
///
/// A node knows its parent and its own level; children are found through one hash table for the whole tree, keyed by
/// (parent, level), so a node is 48 bytes and a filter costs little more than its levels.
struct WildcardTrie {
    private struct Node {
        var parent: Int32
        /// The child for `+`, -1: none.
        var single: Int32 = -1
        var childrenCount: Int32 = 0
        var isSingle = false
        var level: [UInt8] = []
        /// Subscriptions to the filter that ends here.
        var here: SubscriptionList = []
        /// Subscriptions to the filter that goes on with `#` only.
        var below: SubscriptionList = []

        var isUseless: Bool { childrenCount == 0 && here.isEmpty && below.isEmpty }
    }

    private static let root: Int32 = 0
    private var nodes = [Node(parent: -1)]
    private var freeNodes: [Int32] = []
    private var children = SlotTable()
    private let hash: ByteHash
    private var frontier: [Int32] = []
    private var nextFrontier: [Int32] = []

    /// Subscriptions in the tree.
    private(set) var count = 0
    /// Nodes in use, the root included: for tests that removal prunes.
    var nodesCount: Int { nodes.count - freeNodes.count }

    init(hash: ByteHash) {
        self.hash = hash
    }

    mutating func insert(_ filter: Span<UInt8>, _ subscription: Subscription) -> Bool {
        let (node, isBelow) = descend(filter, creating: true)
        let isNew =
            isBelow
            ? nodes[Int(node)].below.insertOrReplace(subscription)
            : nodes[Int(node)].here.insertOrReplace(subscription)
        if isNew { count += 1 }
        return isNew
    }

    mutating func remove(_ filter: Span<UInt8>, key: UInt64) -> Bool {
        let (node, isBelow) = descend(filter, creating: false)
        guard node >= 0 else { return false }
        let isFound =
            isBelow ? nodes[Int(node)].below.remove(key: key) : nodes[Int(node)].here.remove(key: key)
        guard isFound else { return false }
        count -= 1
        prune(node)
        return true
    }

    /// Appends every subscription whose filter matches; true: they came from more than one list.
    mutating func collect(_ topic: Span<UInt8>, into result: inout SubscriptionList) -> Bool {
        var listsCount = 0
        let isSystem = topic.count > 0 && topic[0] == UInt8(ascii: "$")
        frontier.removeAll(keepingCapacity: true)
        frontier.append(Self.root)
        var start = 0
        while let end = Level.end(in: topic, from: start), !frontier.isEmpty {
            let level = topic.extracting(start..<end)
            let levelHash = hash.hash(level)
            // Wildcards in the first level don't match topics that begin with `$` [MQTT-4.7.2-1].
            let areWildcardsOpen = start > 0 || !isSystem
            nextFrontier.removeAll(keepingCapacity: true)
            for node in frontier {
                if areWildcardsOpen {
                    listsCount += append(nodes[Int(node)].below, to: &result)
                    if nodes[Int(node)].single >= 0 { nextFrontier.append(nodes[Int(node)].single) }
                }
                let child = child(of: node, level, levelHash)
                if child >= 0 { nextFrontier.append(child) }
            }
            swap(&frontier, &nextFrontier)
            start = end + 1
        }
        guard start > topic.count else { return listsCount > 1 }
        for node in frontier {
            listsCount += append(nodes[Int(node)].here, to: &result)
            listsCount += append(nodes[Int(node)].below, to: &result)
        }
        return listsCount > 1
    }

    private func append(_ list: SubscriptionList, to result: inout SubscriptionList) -> Int {
        if list.isEmpty { return 0 }
        result.append(contentsOf: list)
        return 1
    }

    /// The node where `filter` ends and whether its last level is `#`; -1: there is none.
    private mutating func descend(_ filter: Span<UInt8>, creating: Bool) -> (node: Int32, isBelow: Bool) {
        var node = Self.root
        var start = 0
        while let end = Level.end(in: filter, from: start) {
            if Level.isWildcard(filter, start..<end, Level.multi) { return (node, true) }
            let isSingle = Level.isWildcard(filter, start..<end, Level.single)
            let level = filter.extracting(start..<end)
            let levelHash = hash.hash(level)
            var child = isSingle ? nodes[Int(node)].single : child(of: node, level, levelHash)
            if child < 0 {
                guard creating else { return (-1, false) }
                child = addChild(of: node, level, levelHash, isSingle: isSingle)
            }
            node = child
            start = end + 1
        }
        return (node, false)
    }

    @inline(__always)
    private func child(of parent: Int32, _ level: Span<UInt8>, _ levelHash: UInt64) -> Int32 {
        let key = hash.combine(levelHash, parent: parent)
        var probe = children.start(key)
        while true {
            let candidate = children.next(&probe, key)
            if candidate < 0 { return -1 }
            if nodes[Int(candidate)].parent == parent,
                Level.equal(nodes[Int(candidate)].level, level)
            {
                return candidate
            }
        }
    }

    private mutating func addChild(
        of parent: Int32, _ level: Span<UInt8>, _ levelHash: UInt64, isSingle: Bool
    ) -> Int32 {
        var node = Node(parent: parent)
        node.isSingle = isSingle
        if !isSingle { node.level = [UInt8](level) }
        let number: Int32
        if let free = freeNodes.popLast() {
            nodes[Int(free)] = node
            number = free
        } else {
            nodes.append(node)
            number = Int32(nodes.count - 1)
        }
        nodes[Int(parent)].childrenCount += 1
        if isSingle {
            nodes[Int(parent)].single = number
        } else {
            children.insert(number, hash.combine(levelHash, parent: parent))
        }
        return number
    }

    /// Frees the node and its ancestors as far as nothing needs them.
    private mutating func prune(_ start: Int32) {
        var number = start
        while number != Self.root, nodes[Int(number)].isUseless {
            let parent = nodes[Int(number)].parent
            if nodes[Int(number)].isSingle {
                nodes[Int(parent)].single = -1
            } else {
                let level = nodes[Int(number)].level
                let levelHash = hash.hash(level.span)
                children.remove(number, hash.combine(levelHash, parent: parent))
            }
            nodes[Int(parent)].childrenCount -= 1
            nodes[Int(number)] = Node(parent: -1)
            freeNodes.append(number)
            number = parent
        }
    }
}
