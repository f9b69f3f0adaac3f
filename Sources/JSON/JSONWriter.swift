/// Writes JSON to bytes; commas come by themselves. Names are literals of ours; strings are escaped.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func beginObject() { fatalError("replaced by the JSON work") }
    package mutating func endObject() { fatalError("replaced by the JSON work") }
    package mutating func beginArray() { fatalError("replaced by the JSON work") }
    package mutating func endArray() { fatalError("replaced by the JSON work") }
    package mutating func name(_ name: StaticString) { fatalError("replaced by the JSON work") }
    package mutating func null() { fatalError("replaced by the JSON work") }
    package mutating func bool(_ value: Bool) { fatalError("replaced by the JSON work") }
    package mutating func number(_ value: Int64) { fatalError("replaced by the JSON work") }
    package mutating func string(_ value: String) { fatalError("replaced by the JSON work") }
    /// An id: a decimal string, since a double would round it.
    package mutating func id(_ value: Int64) { fatalError("replaced by the JSON work") }
    /// A value that is JSON already.
    package mutating func raw(_ value: [UInt8]) { fatalError("replaced by the JSON work") }
    /// RFC 3339, UTC, milliseconds: `2026-11-22T09:00:00.123Z`.
    package mutating func time(milliseconds: Int64) { fatalError("replaced by the JSON work") }
}
