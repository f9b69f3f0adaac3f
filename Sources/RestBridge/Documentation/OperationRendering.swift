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
        case .person: members.append(JSONMember("security", .literal(#"[{"bearer":["user"]}]"#)))
        case .token: break
        }
        if !parameters.isEmpty { members.append(JSONMember("parameters", .array(parameters.map(render)))) }
        if let body = operation.body { members.append(JSONMember("requestBody", render(body))) }
        let problems = problemAnswers.map { answer in
            JSONMember(answer.status, .object([JSONMember("$ref", .string("#/components/responses/\(answer.name)"))]))
        }
        members.append(JSONMember("responses", .object(operation.answers.map(render) + problems)))
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
        return JSONMember(String(answer.status), response(answer.details, headers, answer.contents))
    }

    private func response(
        _ details: String, _ headers: [String], _ contents: [(type: String, schema: Schema)]
    ) -> JSONValue {
        let references = headers.map { name in
            JSONMember(name, .object([JSONMember("$ref", .string("#/components/headers/\(name)"))]))
        }
        var members = [JSONMember("description", .string(details)), JSONMember("headers", .object(references))]
        if !contents.isEmpty { members.append(JSONMember("content", self.contents(contents))) }
        return .object(members)
    }

    /// What the operation answers when something is wrong: a status stands once, with all problems that have it. Most operations share
    /// them, so the document has each once, under a name that tells all of it.
    var problemAnswers: [(status: String, name: String, json: JSONValue)] {
        let problems = problems
        return Set(problems.map(status)).sorted().map { status in
            let ours = ProblemKind.allCases.filter { problems.contains($0) && self.status($0) == status }
            let headers = headers(ofStatus: status)
            let types = Schema.choice(ours.map { "/problems/\($0.rawValue)" })
            let schema = Schema.ref("Problem").with("properties", .object([JSONMember("type", types.json)]))
            let titles = ours.map { "`\($0.rawValue)`: \($0.title)." }
            let names = [String(status)] + ours.map(\.rawValue) + (headers.contains("RateLimit") ? ["limited"] : [])
            return (
                String(status), names.joined(separator: "."),
                response(titles.joined(separator: " "), headers, [("application/problem+json", schema)])
            )
        }
    }

    private func headers(ofStatus status: Int) -> [String] {
        switch status {
        case 401: ["X-Request-Id", "WWW-Authenticate"]
        case 429: ["X-Request-Id", "Retry-After"] + (route.limit == nil ? [] : ["RateLimit", "RateLimit-Policy"])
        case 503: ["X-Request-Id", "Retry-After"]
        default: ["X-Request-Id"]
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
