/// The names of the objects that are open, to find repeated ones. A few names are compared one by one, which allocates
/// nothing; from `comparedMax` on an object has a hash set, so that many members take linear time.
struct JSONNames {
    private static let comparedMax = 12

    private struct Name {
        var range: Range<Int>
        var isEscaped: Bool
    }

    private struct Object {
        /// Index in `names` of its first one.
        var start: Int
        var hasSet = false
    }

    private var objects: [Object] = []
    private var names: [Name] = []
    /// The decoded names of those open objects that have a set, outermost first.
    private var sets: [Set<[UInt8]>] = []

    mutating func beginObject() {
        objects.append(Object(start: names.count))
    }

    mutating func endObject() {
        let object = objects.removeLast()
        names.removeSubrange(object.start...)
        if object.hasSet { sets.removeLast() }
    }

    /// Adds a name of the innermost object; false if that has it already, however it is escaped.
    mutating func insert(_ bytes: Span<UInt8>, _ range: Range<Int>, isEscaped: Bool) -> Bool {
        let name = Name(range: range, isEscaped: isEscaped)
        let innermost = objects.count - 1
        if objects[innermost].hasSet { return sets[sets.count - 1].insert(decodeString(bytes, range)).inserted }
        let start = objects[innermost].start
        for other in start..<names.count where areEqual(bytes, names[other], name) { return false }
        names.append(name)
        if names.count - start == Self.comparedMax {
            sets.append(Set(names[start...].map { decodeString(bytes, $0.range) }))
            objects[innermost].hasSet = true
        }
        return true
    }

    private func areEqual(_ bytes: Span<UInt8>, _ left: Name, _ right: Name) -> Bool {
        if left.isEscaped || right.isEscaped {
            return decodeString(bytes, left.range) == decodeString(bytes, right.range)
        }
        guard left.range.count == right.range.count else { return false }
        for index in 0..<left.range.count
        where bytes[left.range.lowerBound + index] != bytes[right.range.lowerBound + index] {
            return false
        }
        return true
    }
}
