import Memory

/// Writes JSON to bytes; commas come by themselves. Names are literals of ours; strings are escaped.
package struct JSONWriter: Sendable {
    private static let depthMax = 64

    package private(set) var bytes: [UInt8] = []
    private var needsComma = false
    /// One bit for each open container, the innermost lowest: set for an object.
    private var objects: UInt64 = 0
    private var depth = 0
    private var hasName = false

    package init() {}

    package mutating func beginObject() { open(UInt8(ascii: "{"), isObject: true) }
    package mutating func endObject() { close(UInt8(ascii: "}"), isObject: true) }
    package mutating func beginArray() { open(UInt8(ascii: "["), isObject: false) }
    package mutating func endArray() { close(UInt8(ascii: "]"), isObject: false) }

    package mutating func name(_ name: StaticString) {
        precondition(depth > 0 && objects & 1 == 1 && !hasName, "a name stands in an object, before a value")
        let needsComma = needsComma
        bytes.append(addingCapacity: name.utf8CodeUnitCount + 4) { output in
            if needsComma { output.append(UInt8(ascii: ",")) }
            output.append(UInt8(ascii: "\""))
            output.append(ascii: name)
            output.append(UInt8(ascii: "\""))
            output.append(UInt8(ascii: ":"))
        }
        hasName = true
        self.needsComma = false
    }

    /// A name that is no literal of ours.
    mutating func name(escaping name: String) {
        precondition(depth > 0 && objects & 1 == 1 && !hasName, "a name stands in an object, before a value")
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        appendJSONString(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        hasName = true
        needsComma = false
    }

    package mutating func null() { scalar("null") }
    package mutating func bool(_ value: Bool) { scalar(value ? "true" : "false") }

    package mutating func number(_ value: Int64) {
        beforeValue()
        bytes.append(decimal: value)
    }

    package mutating func string(_ value: String) {
        beforeValue()
        appendJSONString(value, to: &bytes)
    }

    /// An id: a decimal string, since a double would round it.
    package mutating func id(_ value: Int64) {
        beforeValue()
        bytes.append(addingCapacity: decimalBytesMax + 2) { output in
            output.append(UInt8(ascii: "\""))
            output.append(decimal: value)
            output.append(UInt8(ascii: "\""))
        }
    }

    /// A value that is JSON already.
    package mutating func raw(_ value: [UInt8]) {
        precondition(!value.isEmpty, "a value has at least one byte")
        beforeValue()
        bytes.append(contentsOf: value)
    }

    /// A value that `write` appends as JSON.
    package mutating func raw(_ write: (inout [UInt8]) -> Void) {
        beforeValue()
        let start = bytes.count
        write(&bytes)
        precondition(bytes.count > start, "a value has at least one byte")
    }

    /// Makes room for so many more bytes.
    package mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    /// RFC 3339, UTC, milliseconds: `2026-11-22T09:00:00.123Z`.
    package mutating func time(milliseconds: Int64) {
        beforeValue()
        bytes.append(addingCapacity: timeBytes + 2) { output in
            output.append(UInt8(ascii: "\""))
            appendTime(milliseconds: milliseconds, to: &output)
            output.append(UInt8(ascii: "\""))
        }
    }

    private mutating func scalar(_ text: StaticString) {
        beforeValue()
        bytes.append(ascii: text)
    }

    private mutating func open(_ bracket: UInt8, isObject: Bool) {
        beforeValue()
        precondition(depth < Self.depthMax, "too deep")
        bytes.append(bracket)
        objects = objects << 1 | (isObject ? 1 : 0)
        depth += 1
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8, isObject: Bool) {
        precondition(depth > 0 && (objects & 1 == 1) == isObject && !hasName, "closes what is not open")
        bytes.append(bracket)
        objects >>= 1
        depth -= 1
        needsComma = true
    }

    private mutating func beforeValue() {
        precondition(depth == 0 ? bytes.isEmpty : (objects & 1 == 1) == hasName, "a value stands where none belongs")
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        hasName = false
        needsComma = true
    }
}
