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
        "GET /openapi.json": Operation(
            "Read this document", .ok(.answer(["openapi": .string]), "OpenAPI 3.1.", headers: ["Cache-Control"])),
        "GET /docs/problems": Operation("Read the list of problems", page("text/html")),
        "GET /docs/problems/{name}": Operation(
            "Read about a problem", parameters: [], page("text/html"), problems: [.notFound]),
        "GET /docs/style.css": Operation("Read the style of these pages", page("text/css")),
        "GET /problems/{name}": Operation(
            "Read about a problem", "Where `type` leads.",
            Answer(status: 301, details: "The page is there.", headers: ["Location"]), problems: [.notFound]),
    ]

    private static func page(_ type: String) -> Answer {
        Answer(status: 200, details: "For people.", contents: [(type, .string)], headers: ["Cache-Control"])
    }
}
