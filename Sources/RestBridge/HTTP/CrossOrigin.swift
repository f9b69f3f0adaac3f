import Transport

/// Which web pages may call the API, and what their browsers are told about it (the Fetch Standard, "CORS protocol"). Access tokens are no
/// cookies, so a page gets only what it has a token for.
struct CrossOrigin: Sendable {
    /// How long a browser remembers the answer to a preflight; none does for longer than this.
    private static let maxAgeSeconds = 86_400
    private static let requestHeaders = [
        "Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "If-Range", "Range",
    ].joined(separator: ", ")
    /// Beside those that every page may read.
    private static let answerHeaders = [
        "Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Location",
        "RateLimit",
        "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-Id",
    ].joined(separator: ", ")

    private let origins: Set<WebOrigin>

    /// - Parameters:
    ///   - publicURL: the hub's own, whose pages may.
    ///   - others: origins that may, too.
    init(publicURL: String, others: Set<WebOrigin>) {
        origins = others.union(WebOrigin(ofURL: publicURL).map { [$0] } ?? [])
    }

    /// What a preflight is told, if it is one and comes from a page that may call.
    /// - Parameter allow: the methods of the path.
    func preflightHeaders(_ request: HTTPRequest, allow: String) -> [(name: String, value: String)] {
        guard request.header("access-control-request-method") != nil, allowedOrigin(request) != nil else { return [] }
        return [
            ("Access-Control-Allow-Methods", allow), ("Access-Control-Allow-Headers", Self.requestHeaders),
            ("Access-Control-Max-Age", "\(Self.maxAgeSeconds)"),
        ]
    }

    /// What every answer says; a page that may not call finds nothing here.
    func headers(_ request: HTTPRequest) -> [(name: String, value: String)] {
        // Caches must not give one page the answer that another got.
        let vary = [("Vary", "Origin")]
        guard let origin = allowedOrigin(request) else { return vary }
        return vary + [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", Self.answerHeaders)]
    }

    /// As the browser wrote it; nil: none, several, or one that may not.
    private func allowedOrigin(_ request: HTTPRequest) -> String? {
        guard request.header("origin") != nil else { return nil }
        let values = request.headers.filter { $0.name == "origin" }.map(\.value)
        guard values.count == 1, let origin = WebOrigin(values[0]), origins.contains(origin) else { return nil }
        return values[0]
    }
}
