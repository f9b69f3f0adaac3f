import JSON

/// What tells about the hub itself.
extension Operation {
    static let service: Table = [
        "GET /.well-known/jwks.json": Operation(
            "Read the keys that sign access tokens",
            Answer(
                status: 200, details: "A key set (RFC 7517).",
                contents: [
                    (
                        "application/jwk-set+json",
                        .answer([
                            "keys": .array(
                                of: .answer([
                                    "kty": .string, "kid": .string, "alg": .string, "use": .string, "crv": .string,
                                    "x": .string,
                                ]))
                        ])
                    )
                ], headers: ["Cache-Control"])),
        "GET /openapi.json": file(
            "Read this document", "application/json", .answer(["openapi": .string]), "OpenAPI 3.1."),
        "GET /asyncapi.json": file(
            "Read what there is over MQTT", "application/json", .answer(["asyncapi": .string]), "AsyncAPI 3.0."),
        "GET /docs": file("Read this document in a browser", "text/html"),
        "GET /docs/assets/{name}": file(
            "Load what the page needs", "*/*", .string, "Swagger UI, if it is installed beside the hub.",
            problems: [.notFound]),
        "GET /docs/problems": Operation("Read the list of problems", page("text/html")),
        "GET /docs/problems/{name}": Operation(
            "Read about a problem", parameters: [], page("text/html"), problems: [.notFound]),
        "GET /docs/style.css": file("Read the style of these pages", "text/css"),
        "GET /problems/{name}": Operation(
            "Read about a problem", "Where `type` leads.",
            Answer(status: 301, details: "The page is there.", headers: ["Location"]), problems: [.notFound]),
    ]

    /// One that is the same for everybody, and is kept.
    private static func file(
        _ summary: String, _ type: String, _ schema: Schema = .string, _ details: String = "For people.",
        problems: [ProblemKind] = []
    ) -> Operation {
        Operation(
            summary, parameters: [.ifNoneMatch],
            Answer(status: 200, details: details, contents: [(type, schema)], headers: ["Cache-Control", "ETag"]),
            Answer(status: 304, details: "You have it.", headers: ["Cache-Control", "ETag"]), problems: problems)
    }

    private static func page(_ type: String) -> Answer {
        Answer(status: 200, details: "For people.", contents: [(type, .string)], headers: ["Cache-Control"])
    }
}
