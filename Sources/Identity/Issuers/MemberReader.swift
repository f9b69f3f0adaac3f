import JSON

/// Takes the members of a JSON object that are known; one that is left over is refused, so that a misspelt one shows.
struct MemberReader {
    private var members: [JSONMember]

    init(_ value: JSONValue) throws(Flaw) {
        guard let members = value.object else { throw Flaw("must be an object") }
        self.members = members
    }

    mutating func take(_ name: String) -> JSONValue? {
        guard let place = members.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        return members.remove(at: place).value
    }

    /// nil: it is not there.
    mutating func string(_ name: String) throws(Flaw) -> String? {
        guard let value = take(name) else { return nil }
        guard let string = value.string, !string.isEmpty else { throw Flaw("\(name): must be a string") }
        return string
    }

    mutating func bool(_ name: String) throws(Flaw) -> Bool? {
        guard let value = take(name) else { return nil }
        guard let bool = value.bool else { throw Flaw("\(name): must be true or false") }
        return bool
    }

    func finish() throws(Flaw) {
        if let member = members.first { throw Flaw("\(member.name): unknown") }
    }
}
