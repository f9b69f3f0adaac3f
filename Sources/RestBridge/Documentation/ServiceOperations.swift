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
    ]
}
