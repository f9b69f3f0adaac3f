/// Finds the route of a request.
struct Router: Sendable {
    enum Match {
        case route(Route, parameters: [String: String])
        /// The path is known, the method is not: what may be used instead, for `Allow` (RFC 9110 §10.2.1).
        case otherMethods(allow: String)
        case options(allow: String)
        case malformedPath
        case nothing
    }

    /// By the first part of the path.
    private let routes: [String: [Route]]

    init(_ routes: [Route]) { self.routes = Dictionary(grouping: routes) { $0.pattern.first } }

    func match(method: String, path: String) -> Match {
        guard let parts = PathPattern.split(path) else { return .malformedPath }
        let wanted = method == "HEAD" ? "GET" : method
        var methods: [String] = []
        for route in parts.first.flatMap({ routes[$0] }) ?? [] {
            guard let parameters = route.pattern.match(parts) else { continue }
            if route.method == wanted { return .route(route, parameters: parameters) }
            methods.append(route.method)
        }
        guard !methods.isEmpty else { return .nothing }
        if methods.contains("GET") { methods.append("HEAD") }
        let allow = (methods + ["OPTIONS"]).joined(separator: ", ")
        return method == "OPTIONS" ? .options(allow: allow) : .otherMethods(allow: allow)
    }
}
