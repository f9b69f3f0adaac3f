/// What programs and people read about the API, made once.
struct DocumentPages: Sendable {
    let openAPI = StaticFile("application/json", OpenAPIDocument.bytes)
    let asyncAPI = StaticFile("application/json", AsyncAPIDocument.bytes)
    let style = StaticFile("text/css; charset=utf-8", ProblemPage.style)
    /// `/docs`.
    let overview: StaticFile
    /// What the overview loads, by name.
    let assets: [String: StaticFile]

    /// - Parameter swaggerUI: nil: there is none, and the overview says so.
    init(_ swaggerUI: SwaggerUI?) {
        overview = StaticFile(
            "text/html; charset=utf-8", swaggerUI == nil ? Self.explanation : Self.page, policy: Self.policy)
        guard let swaggerUI else {
            assets = [:]
            return
        }
        assets = [
            SwaggerUI.scriptName: StaticFile(Self.script, swaggerUI.script),
            SwaggerUI.styleName: StaticFile("text/css; charset=utf-8", swaggerUI.style),
            "start.js": StaticFile(Self.script, Self.start),
        ]
    }

    private static let script = "text/javascript; charset=utf-8"

    /// Scripts and styles are files of the hub, and nothing stands in the page; what is tried out goes to the hub. Swagger UI has its icons in its
    /// style, as `data:`.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static let start = """
        SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, filter: true, docExpansion: "list", validatorUrl: null });

        """

    private static let page = frame(
        head: "<link rel=\"stylesheet\" href=\"/docs/assets/\(SwaggerUI.styleName)\">",
        """
        <nav>\(links)</nav><div id="swagger-ui"></div>
        <script src="/docs/assets/\(SwaggerUI.scriptName)"></script><script src="/docs/assets/start.js"></script>
        """)

    private static let explanation = frame(
        head: "",
        """
        <main><h1>Confab</h1><p>\(links)</p>
        <p>This page shows the HTTP API with Swagger UI, which is not installed beside this hub. Where the hub was built from source,
        <code>tools/setup.sh run</code> installs it. Elsewhere, put <code>\(SwaggerUI.scriptName)</code> and <code>\(SwaggerUI.styleName)</code> of
        Swagger UI 5 into <code>PREFIX/share/confab/swagger-ui</code>, where the hub is <code>PREFIX/bin/confab</code>, or name their folder by
        <code>--swagger-ui</code>. Then start the hub again.</p></main>
        """)

    private static let links =
        "<a href=\"/openapi.json\">OpenAPI document of the HTTP API</a> · <a href=\"/asyncapi.json\">AsyncAPI document of MQTT</a> · "
        + "<a href=\"\(ProblemPage.path)\">problems</a>"

    private static func frame(head: String, _ body: String) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>API – Confab</title>
        <link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/style.css">\(head)</head>
        <body>\(body)</body></html>

        """
    }
}
