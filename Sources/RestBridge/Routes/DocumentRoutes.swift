import Transport

/// What programs read about the API.
enum DocumentRoutes {
    static func openAPI(_ services: RestServices, _ request: RestRequest) -> HTTPResponse {
        HTTPResponse(
            status: 200, headers: [("Content-Type", "application/json"), ("Cache-Control", "public, max-age=300")],
            body: OpenAPIDocument.bytes)
    }
}
