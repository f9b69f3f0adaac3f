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
    /// How often it may be called; nil: as often as one likes.
    let limit: RouteLimit?
    let repeats: RequestRepetition
    let handler: Handler

    init(
        _ method: String, _ pattern: String, authentication: Authentication = .token, isJSON: Bool = true,
        limit: RouteLimit? = nil, repeats: RequestRepetition = .notKept, _ handler: @escaping Handler
    ) {
        precondition(authentication != .none || repeats == .notKept, "a key is a user's")
        self.method = method
        self.pattern = PathPattern(pattern)
        self.authentication = authentication
        self.isJSON = isJSON
        self.limit = limit
        self.repeats = repeats
        self.handler = handler
    }
}
