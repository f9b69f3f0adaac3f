import Transport

/// What programs and people read about the API.
enum DocumentRoutes {
    static func openAPI(_ services: RestServices, _ request: RestRequest) -> HTTPResponse {
        services.documents.openAPI.answer(request.http)
    }

    static func asyncAPI(_ services: RestServices, _ request: RestRequest) -> HTTPResponse {
        services.documents.asyncAPI.answer(request.http)
    }

    static func overview(_ services: RestServices, _ request: RestRequest) -> HTTPResponse {
        services.documents.overview.answer(request.http)
    }

    static func asset(_ services: RestServices, _ request: RestRequest) throws -> HTTPResponse {
        guard let file = request.parameters["name"].flatMap({ services.documents.assets[$0] }) else {
            throw Problem.notFound
        }
        return file.answer(request.http)
    }

    static func problems(_ services: RestServices, _ request: RestRequest) -> HTTPResponse { html(ProblemPage.index) }

    static func problem(_ services: RestServices, _ request: RestRequest) throws -> HTTPResponse {
        guard let page = request.parameters["name"].flatMap({ ProblemPage.find($0) }) else { throw Problem.notFound }
        return html(page.html)
    }

    /// `type` is shorter than where the page is.
    static func problemType(_ services: RestServices, _ request: RestRequest) throws -> HTTPResponse {
        guard let page = request.parameters["name"].flatMap({ ProblemPage.find($0) }) else { throw Problem.notFound }
        return HTTPResponse(status: 301, headers: [("Location", "\(ProblemPage.path)/\(page.name)")])
    }

    static func style(_ services: RestServices, _ request: RestRequest) -> HTTPResponse {
        services.documents.style.answer(request.http)
    }

    private static func html(_ text: String) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [
                ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "public, max-age=300"),
                (
                    "Content-Security-Policy",
                    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
                ),
            ], body: Array(text.utf8))
    }
}
