import JSON

/// The document of the API (OpenAPI 3.1), made from the table of routes and what is said of them.
struct OpenAPIDocument {
    /// Of all routes.
    static let bytes = OpenAPIDocument(Route.all).render()

    private let routes: [Route]

    /// - Parameter routes: those without documentation are left out.
    init(_ routes: [Route]) { self.routes = routes }

    func render() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(
            .object([
                JSONMember("openapi", .string("3.1.0")),
                JSONMember("info", Self.info),
                // Wherever the document comes from.
                JSONMember("servers", .literal(#"[{"url":"/"}]"#)),
                JSONMember("security", .literal(#"[{"bearer":[]}]"#)),
                JSONMember("tags", .array(Documentation.areas.map(tag))),
                JSONMember("paths", paths),
                JSONMember("components", components),
            ]))
        return writer.bytes
    }

    private static let info = JSONValue.object([
        JSONMember("title", .string("Confab")),
        JSONMember("version", .string("1")),
        JSONMember(
            "description",
            .string(
                """
                The REST API of a real-time messaging hub; MQTT delivers the same messages live. Ids are decimal strings, times RFC 3339 in UTC. \
                Optional members are left out where there is nothing to say; expect members that are not named here. Requests hold only what is \
                named here, and numbers as digits (`1`, not `1.0`). Every answer has `X-Request-Id`; every error is a problem (RFC 9457). HEAD is answered where GET is, and OPTIONS \
                everywhere, without a token.
                """)),
    ])

    private func tag(_ area: Documentation.Area) -> JSONValue {
        .object([JSONMember("name", .string(area.name)), JSONMember("description", .string(area.details))])
    }

    private var operations: [(route: Route, rendering: OperationRendering)] {
        routes.compactMap { route in
            Documentation.find(route.key).map { (route, OperationRendering(route, $0.operation, tag: $0.area.name)) }
        }
    }

    /// In the order of the table; the methods of a path together.
    private var paths: JSONValue {
        var paths: [JSONMember] = []
        for (route, rendering) in operations {
            let member = JSONMember(route.method.lowercased(), rendering.json)
            if let index = paths.firstIndex(where: { $0.name == route.pattern.text }) {
                paths[index].value = .object((paths[index].value.object ?? []) + [member])
            } else {
                paths.append(JSONMember(route.pattern.text, .object([member])))
            }
        }
        return .object(paths)
    }

    private var problemAnswers: JSONValue {
        let answers = Dictionary(
            operations.flatMap(\.rendering.problemAnswers).map { ($0.name, $0.json) },
            uniquingKeysWith: { first, _ in first })
        return .object(answers.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) })
    }

    private var components: JSONValue {
        let schemas = Array(Schema.objects) + Array(Schema.entries)
        return .object([
            JSONMember("schemas", .object(schemas.map { JSONMember($0.key, $0.value.json) })),
            JSONMember("responses", problemAnswers),
            JSONMember(
                "headers",
                .object(
                    Self.headers.map { name, text in
                        JSONMember(
                            name,
                            .object([
                                JSONMember("description", .string(text)), JSONMember("schema", Schema.string.json),
                            ]))
                    })),
            JSONMember(
                "securitySchemes",
                .literal(
                    #"{"bearer":{"type":"http","scheme":"bearer","bearerFormat":"JWT","description":"An access token, of POST /login for instance; some calls need the scope `user`, which bots do not have."}}"#
                )),
        ])
    }

    private static let headers: KeyValuePairs<String, String> = [
        "Accept-Ranges": "`bytes`: parts may be asked for.",
        "Cache-Control": "How long it may be kept.",
        "Content-Disposition": "The file's name, and whether browsers should show it.",
        "Content-Range": "Which bytes these are.",
        "ETag": "The version, for `If-Match` or `If-None-Match`.",
        "Idempotency-Replayed": "`true`: it had been done before, and this is the answer of then.",
        "Link": "The next page, `rel=\"next\"`.",
        "Location": "Where it is.",
        "RateLimit": "How many calls are left (draft-ietf-httpapi-ratelimit-headers).",
        "RateLimit-Policy": "How many calls there are in which time.",
        "Retry-After": "In how many seconds another try makes sense.",
        "WWW-Authenticate": "RFC 6750 §3.",
        "X-Request-Id": "Names the request; the hub's log has it.",
    ]
}
