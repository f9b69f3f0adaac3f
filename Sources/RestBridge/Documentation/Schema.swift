import JSON

/// A JSON Schema (2020-12), as OpenAPI 3.1 has them.
struct Schema: Sendable {
    private(set) var members: [JSONMember]

    var json: JSONValue { .object(members) }

    private init(_ type: String, _ more: [JSONMember] = []) {
        members = [JSONMember("type", .string(type))] + more
    }

    private init(_ members: [JSONMember]) { self.members = members }

    /// One of those that the document names.
    static func ref(_ name: String) -> Schema {
        Schema([JSONMember("$ref", .string("#/components/schemas/\(name)"))])
    }

    // MARK: Scalars

    static let string = Schema("string")
    static let bool = Schema("boolean")
    static let null = Schema("null")
    static let anything = Schema([JSONMember]())

    static func number(_ range: ClosedRange<Int64>) -> Schema {
        Schema(
            "integer", [JSONMember("minimum", .int(range.lowerBound)), JSONMember("maximum", .int(range.upperBound))])
    }

    static func pattern(_ pattern: String) -> Schema { Schema("string").with("pattern", .string(pattern)) }

    /// So many Unicode code points.
    static func string(_ length: ClosedRange<Int>, pattern: String? = nil) -> Schema {
        let bounds = Schema(
            "string",
            [
                JSONMember("minLength", .int(Int64(length.lowerBound))),
                JSONMember("maxLength", .int(Int64(length.upperBound))),
            ])
        return pattern.map { bounds.with("pattern", .string($0)) } ?? bounds
    }

    static func choice(_ values: String...) -> Schema { choice(values) }

    static func choice(_ values: [String]) -> Schema {
        Schema("string", [JSONMember("enum", .array(values.map { .string($0) }))])
    }

    static func constant(_ value: String) -> Schema { Schema([JSONMember("const", .string(value))]) }

    // MARK: Containers

    static func array(of items: Schema, max: Int? = nil, areUnique: Bool = false) -> Schema {
        var schema = Schema("array", [JSONMember("items", items.json)])
        if let max { schema = schema.with("maxItems", .int(Int64(max))) }
        return areUnique ? schema.with("uniqueItems", .bool(true)) : schema
    }

    /// What the hub answers: a name that ends with `?` may be absent, and clients are to expect members that are not named.
    static func answer(
        _ properties: KeyValuePairs<String, Schema>, _ more: KeyValuePairs<String, Schema> = [:]
    ) -> Schema {
        object((Array(properties) + Array(more)).map { Property($0.key, $0.value) })
    }

    /// What clients send: nothing but these members; those that may be absent, with `?`, may be null too.
    static func request(_ properties: KeyValuePairs<String, Schema>) -> Schema {
        closed(
            properties.map { pair in
                var property = Property(pair.key, pair.value)
                if !property.isRequired { property.schema = property.schema.orNull }
                return property
            })
    }

    /// The same, where null is no value: merge patches and messages.
    static func strictRequest(_ properties: KeyValuePairs<String, Schema>) -> Schema { strictRequest([properties]) }

    static func strictRequest(_ properties: [KeyValuePairs<String, Schema>]) -> Schema {
        closed(properties.joined().map { Property($0.key, $0.value) })
    }

    static func oneOf(_ schemas: Schema...) -> Schema { oneOf(schemas) }

    static func oneOf(_ schemas: [Schema]) -> Schema {
        Schema([JSONMember("oneOf", .array(schemas.map(\.json)))])
    }

    static func anyOf(_ schemas: Schema...) -> Schema {
        Schema([JSONMember("anyOf", .array(schemas.map(\.json)))])
    }

    /// `{items, next?}` and what else the list has.
    static func page(of items: Schema, _ more: KeyValuePairs<String, Schema> = [:]) -> Schema {
        let next = Schema.string.described(
            "The relative URL of the next page in the same direction; absent at the end.")
        return object(
            [Property("items", .array(of: items)), Property("next?", next)] + more.map { Property($0.key, $0.value) })
    }

    private struct Property {
        var name: String
        var schema: Schema
        var isRequired: Bool

        init(_ name: String, _ schema: Schema) {
            isRequired = !name.hasSuffix("?")
            self.name = isRequired ? name : String(name.dropLast())
            self.schema = schema
        }
    }

    private static func object(_ properties: [Property]) -> Schema {
        let required = properties.filter(\.isRequired).map { JSONValue.string($0.name) }
        let schema = Schema(
            "object", [JSONMember("properties", .object(properties.map { JSONMember($0.name, $0.schema.json) }))])
        return required.isEmpty ? schema : schema.with("required", .array(required))
    }

    private static func closed(_ properties: [Property]) -> Schema {
        object(properties).with("additionalProperties", .bool(false))
    }

    // MARK: More about one

    func with(_ keyword: String, _ value: JSONValue) -> Schema {
        Schema(members + [JSONMember(keyword, value)])
    }

    func described(_ text: String) -> Schema { with("description", .string(text)) }

    /// - Parameter json: the example's text.
    func example(_ json: String) -> Schema {
        var copy = self
        guard let index = members.firstIndex(where: { $0.name == "examples" }) else {
            return with("examples", .array([.literal(json)]))
        }
        copy.members[index].value = .array((members[index].value.array ?? []) + [.literal(json)])
        return copy
    }

    /// Null is allowed too.
    var orNull: Schema {
        guard let first = members.first, first.name == "type" else { return .anyOf(self, .null) }
        guard first.value.string != "null" else { return self }
        return Schema(
            members.map { member in
                switch (member.name, member.value) {
                case ("type", let type): JSONMember("type", .array([type, .string("null")]))
                case ("enum", .array(let values)): JSONMember("enum", .array(values + [.null]))
                default: member
                }
            })
    }
}

extension JSONValue {
    static func int(_ value: Int64) -> JSONValue { .number(String(value)) }

    /// A text of ours.
    static func literal(_ json: String) -> JSONValue {
        guard let value = try? JSONValue(parsing: Array(json.utf8)) else { preconditionFailure("not JSON: \(json)") }
        return value
    }
}
