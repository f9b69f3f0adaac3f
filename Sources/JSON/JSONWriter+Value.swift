extension JSONWriter {
    /// Writes a value that is put together at run time, names included.
    /// - Precondition: with what is open around it, it is at most 64 levels deep; its numbers are JSON numbers.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .number(let text): raw(Array(text.utf8))
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                name(escaping: member.name)
                self.value(member.value)
            }
            endObject()
        }
    }
}
