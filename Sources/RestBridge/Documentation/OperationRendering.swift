import JSON

/// An operation as the document of the API has it: what is said of a route, and what the route says itself.
struct OperationRendering {
    private let route: Route
    private let operation: Operation
    private let tag: String

    init(_ route: Route, _ operation: Operation, tag: String) {
        self.route = route
        self.operation = operation
        self.tag = tag
    }

    var json: JSONValue {
        var members = [
            JSONMember("operationId", .string(identifier)), JSONMember("summary", .string(operation.summary)),
            JSONMember("tags", .array([.string(tag)])),
        ]
        if let details = operation.details { members.append(JSONMember("description", .string(details))) }
        switch route.authentication {
        case .none: members.append(JSONMember("security", .array([])))
        case .person: members.append(JSONMember("x-scope", .string("user")))
        case .token: break
        }
        if !parameters.isEmpty { members.append(JSONMember("parameters", .array(parameters.map(render)))) }
        if let body = operation.body { members.append(JSONMember("requestBody", render(body))) }
        members.append(JSONMember("responses", .object(operation.answers.map(render) + problemAnswers)))
        return .object(members)
    }

    /// `getGroupsIdMembers`
    private var identifier: String {
        let words = route.pattern.text.split { !$0.isLetter }.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return route.method.lowercased() + words.joined()
    }

    // MARK: What comes in

    private var parameters: [Operation.Parameter] {
        var parameters = route.pattern.parameters.map { name in
            Operation.Parameter(
                place: .path, name: name, schema: Self.pathSchema(name), details: Self.pathDetails(name),
                isRequired: true)
        }
        parameters += operation.parameters
        if route.repeats != .notKept {
            parameters.append(
                .header(
                    "Idempotency-Key", .clientRef,
                    "With the same key it is done once, and answered the same for 24 hours."))
        }
        return parameters
    }

    private static func pathSchema(_ name: String) -> Schema {
        switch name {
        case "client_id", "code": .string.with("minLength", .int(1))
        default: .id
        }
    }

    private static func pathDetails(_ name: String) -> String {
        switch name {
        case "client_id": "The MQTT client id, percent-encoded."
        case "code": "Of an invitation."
        case "seq": "The number of an entry in its conversation."
        case "low": "The lower of the two users' ids."
        case "high": "The higher of the two users' ids."
        default: "An id."
        }
    }

    private func render(_ parameter: Operation.Parameter) -> JSONValue {
        var members = [
            JSONMember("name", .string(parameter.name)), JSONMember("in", .string(parameter.place.rawValue)),
            JSONMember("description", .string(parameter.details)), JSONMember("schema", parameter.schema.json),
        ]
        if parameter.isRequired { members.append(JSONMember("required", .bool(true))) }
        return .object(members)
    }

    private func render(_ body: Operation.Body) -> JSONValue {
        .object([
            JSONMember("required", .bool(body.isRequired)),
            JSONMember("content", contents(body.contents)),
        ])
    }

    private func contents(_ contents: [(type: String, schema: Schema)]) -> JSONValue {
        .object(contents.map { JSONMember($0.type, .object([JSONMember("schema", $0.schema.json)])) })
    }

    // MARK: What comes out

    private func render(_ answer: Operation.Answer) -> JSONMember {
        var headers = answer.headers + ["X-Request-Id"]
        if route.limit != nil { headers += ["RateLimit", "RateLimit-Policy"] }
        if route.repeats != .notKept { headers.append("Idempotency-Replayed") }
        return response(answer.status, answer.details, headers, answer.contents)
    }

    private func response(
        _ status: Int, _ details: String, _ headers: [String], _ contents: [(type: String, schema: Schema)]
    ) -> JSONMember {
        var members = [
            JSONMember("description", .string(details)),
            JSONMember(
                "headers",
                .object(
                    headers.map {
                        JSONMember($0, .object([JSONMember("$ref", .string("#/components/headers/\($0)"))]))
                    })),
        ]
        if !contents.isEmpty { members.append(JSONMember("content", self.contents(contents))) }
        return JSONMember(String(status), .object(members))
    }

    /// A status stands once, with all problems that have it.
    private var problemAnswers: [JSONMember] {
        let problems = problems
        let statuses = Set(problems.map(status)).sorted()
        return statuses.map { status in
            let ours = ProblemKind.allCases.filter { problems.contains($0) && self.status($0) == status }
            var headers = ["X-Request-Id"]
            switch status {
            case 401: headers.append("WWW-Authenticate")
            case 429:
                headers.append("Retry-After")
                if route.limit != nil { headers += ["RateLimit", "RateLimit-Policy"] }
            case 503: headers.append("Retry-After")
            default: break
            }
            let types = Schema.choice(ours.map { "/problems/\($0.rawValue)" })
            let schema = Schema.ref("Problem").with(
                "properties", .object([JSONMember("type", types.json)]))
            let titles = ours.map { "`\($0.rawValue)`: \($0.title)." }
            return response(
                status, titles.joined(separator: " "), headers, [("application/problem+json", schema)])
        }
    }

    /// To a log-in a wrong code means that there is none.
    private func status(_ kind: ProblemKind) -> Int {
        kind == .invalidOTP && route.authentication == .none ? 401 : kind.status
    }

    /// Those that are listed, and those that come of what the route is.
    private var problems: Set<ProblemKind> {
        var problems = Set(operation.problems)
        problems.formUnion([.internalError, .unavailable])
        switch route.authentication {
        case .none: break
        case .token: problems.formUnion([.authenticationRequired, .invalidToken])
        case .person: problems.formUnion([.authenticationRequired, .invalidToken, .insufficientScope])
        }
        if route.isJSON { problems.insert(.notAcceptable) }
        if route.limit != nil { problems.insert(.tooManyRequests) }
        if !route.pattern.parameters.isEmpty { problems.formUnion([.badRequest, .notFound]) }
        if operation.parameters.contains(where: { $0.place == .query }) {
            problems.formUnion([.badRequest, .invalidRequest])
        }
        if operation.body?.isJSON == true {
            problems.formUnion([.badRequest, .tooLarge, .unsupportedMediaType, .invalidRequest])
        }
        if route.repeats != .notKept {
            problems.formUnion([.requestInProgress, .answerLost, .idempotencyKeyReused, .invalidRequest])
        }
        return problems
    }
}
