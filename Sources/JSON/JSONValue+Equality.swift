/// Equal means: the same strings byte by byte, the same number texts, the same members in whatever order (RFC 8259 §4).
extension JSONValue: Equatable {
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left.utf8.elementsEqual(right.utf8)
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            haveSameNames(left, right) ? left == right : left.count == right.count && sorted(left) == sorted(right)
        case (.null, _), (.bool, _), (.number, _), (.string, _), (.array, _), (.object, _): false
        }
    }

    /// Decided before any value is compared, so that each value is compared once however deep it stands.
    private static func haveSameNames(_ left: [JSONMember], _ right: [JSONMember]) -> Bool {
        left.elementsEqual(right) { $0.name.utf8.elementsEqual($1.name.utf8) }
    }

    private static func sorted(_ members: [JSONMember]) -> [JSONMember] {
        members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}

extension JSONMember: Equatable {
    package static func == (left: JSONMember, right: JSONMember) -> Bool {
        left.name.utf8.elementsEqual(right.name.utf8) && left.value == right.value
    }
}
