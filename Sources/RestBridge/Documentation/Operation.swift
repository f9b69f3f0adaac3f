import JSON

/// What the document of the API says of a route, beside what the route itself tells (its path, who may call it, how often, and whether it
/// takes an `Idempotency-Key`).
struct Operation: Sendable {
    /// By method and path, as in `Route`.
    typealias Table = [String: Operation]

    var summary: String
    var details: String?
    /// Of the query, and headers. Those of the path are known by their names.
    var parameters: [Parameter]
    var body: Body?
    var answers: [Answer]
    /// Beside those that come of the route, its parameters and its body.
    var problems: [ProblemKind]

    init(
        _ summary: String, _ details: String, parameters: [Parameter] = [], body: Body? = nil,
        _ answers: Answer..., problems: [ProblemKind] = []
    ) {
        self.init(summary, details, parameters, body, answers, problems)
    }

    init(
        _ summary: String, parameters: [Parameter] = [], body: Body? = nil, _ answers: Answer...,
        problems: [ProblemKind] = []
    ) {
        self.init(summary, nil, parameters, body, answers, problems)
    }

    private init(
        _ summary: String, _ details: String?, _ parameters: [Parameter], _ body: Body?, _ answers: [Answer],
        _ problems: [ProblemKind]
    ) {
        self.summary = summary
        self.details = details
        self.parameters = parameters
        self.body = body
        self.answers = answers
        self.problems = problems
    }

    struct Parameter: Sendable {
        enum Place: String { case query, header, path }

        var place: Place
        var name: String
        var schema: Schema
        var details: String
        var isRequired = false

        static func query(_ name: String, _ schema: Schema, _ details: String, isRequired: Bool = false) -> Parameter {
            Parameter(place: .query, name: name, schema: schema, details: details, isRequired: isRequired)
        }

        static func header(_ name: String, _ schema: Schema, _ details: String) -> Parameter {
            Parameter(place: .header, name: name, schema: schema, details: details)
        }
    }

    struct Body: Sendable {
        /// By media type.
        var contents: [(type: String, schema: Schema)]
        var isRequired = true
        /// JSON; else the route reads it in its own way.
        var isJSON = true

        static func json(_ schema: Schema, isRequired: Bool = true) -> Body {
            Body(contents: [("application/json", schema)], isRequired: isRequired)
        }

        static func json(_ properties: KeyValuePairs<String, Schema>, example: String) -> Body {
            .json(.request(properties).example(example))
        }

        /// RFC 7396.
        static func patch(_ schema: Schema) -> Body {
            Body(contents: [("application/merge-patch+json", schema), ("application/json", schema)])
        }

        /// Of calls that take nothing.
        static let nothing = Body.json(.strictRequest([:]), isRequired: false)
    }

    struct Answer: Sendable {
        var status: Int
        var details: String
        /// By media type; empty: no body.
        var contents: [(type: String, schema: Schema)] = []
        /// Of those that the document names.
        var headers: [String] = []

        static func ok(_ schema: Schema, _ details: String = "Done.", headers: [String] = []) -> Answer {
            Answer(status: 200, details: details, contents: [("application/json", schema)], headers: headers)
        }

        static func created(_ schema: Schema, _ details: String = "Created.", headers: [String] = []) -> Answer {
            Answer(status: 201, details: details, contents: [("application/json", schema)], headers: headers)
        }

        static func noContent(_ details: String = "Done.") -> Answer { Answer(status: 204, details: details) }
    }
}
