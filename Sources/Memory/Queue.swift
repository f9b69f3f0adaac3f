/// First in, first out; removing at the front costs nothing however long it is.
package struct Queue<Element> {
    private var elements: [Element] = []
    /// Those before it are gone.
    private var head = 0

    package init() {}

    package var isEmpty: Bool { head == elements.count }
    package var count: Int { elements.count - head }
    package var first: Element? { isEmpty ? nil : elements[head] }

    package mutating func append(_ element: Element) { elements.append(element) }

    package mutating func prepend(_ more: [Element]) {
        elements.replaceSubrange(..<head, with: more)
        head = 0
    }

    package mutating func removeFirst() -> Element? {
        guard let first else { return nil }
        head += 1
        // Half of it is gone: what moves now was appended since, so each element moves once on average.
        if head * 2 >= elements.count {
            elements.removeSubrange(..<head)
            head = 0
        }
        return first
    }

    package mutating func removeAll(where condition: (Element) -> Bool) {
        elements.removeSubrange(..<head)
        head = 0
        elements.removeAll(where: condition)
    }

    /// All elements, which are gone from it.
    package mutating func drain() -> [Element] {
        defer { self = Queue() }
        return Array(elements[head...])
    }
}

extension Queue: Sendable where Element: Sendable {}
