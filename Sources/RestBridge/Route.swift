import Transport

/// A call of the API. The table of these is what the router, `Allow`, and the document of the API are made from.
struct Route: Sendable {
    typealias Handler = @Sendable (RestServices, RestRequest) async throws -> HTTPResponse

    enum Authentication: Sendable {
        case none
        /// A valid access token of an enabled account, whose log-in session, if it has one, is live.
        case token
        /// Such a token, and with the scope `user`: a person's own account is no business of bots, services and operators.
        case person
    }

    let method: String
    let pattern: PathPattern
    let authentication: Authentication
    /// False: it answers with other types too, so `Accept` is not asked.
    let isJSON: Bool
    let handler: Handler

    init(
        _ method: String, _ pattern: String, authentication: Authentication = .token, isJSON: Bool = true,
        _ handler: @escaping Handler
    ) {
        self.method = method
        self.pattern = PathPattern(pattern)
        self.authentication = authentication
        self.isJSON = isJSON
        self.handler = handler
    }
}
