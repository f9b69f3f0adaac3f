import Persistence
import Transport

/// Groups as such.
enum GroupRoutes {
    /// Ids in one call.
    static let idsMax = 100
    /// In characters.
    static let nameLength = 1...100

    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let (groups, hasMore) = try await services.groups.groups(
            of: request.userID, after: cursor ?? 0, limit: limit + 1
        ).page(limit)
        let next = hasMore ? groups.last.map { "/groups?limit=\(limit)&cursor=\($0.id)" } : nil
        return .page(next: next) { writer in
            for group in groups { group.write(to: &writer) }
        }
    }

    static func create(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let name = body.required("name", .groupName)
        let picture = body.optional("picture", .id)
        let members = body.optional("members", .ids(max: idsMax)) ?? []
        let announcement = body.optional("announcement", .bool) ?? false
        try body.finish()
        guard let name else { preconditionFailure("finish lets no gap through") }
        let outcome = try await services.groups.create(
            name: name, picture: picture, announcement: announcement, ownerID: request.userID, friendIDs: members)
        switch outcome {
        case .created(let group):
            return answer(group, status: 201, headers: [("Location", "/groups/\(group.id)")])
        case .attachmentMissing: throw Problem.noSuchPicture
        case .notFriends(let strangers):
            let errors = members.enumerated().filter { strangers.contains($0.element) }
                .map { FieldError(field: "members.\($0.offset)", message: "is no friend of yours") }
            throw Problem(errors: errors)
        }
    }

    static func show(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        guard let group = try await services.groups.group(try request.id("id"), for: request.userID) else {
            throw Problem.notFound
        }
        return answer(group)
    }

    /// PUT is full: what is absent, or null, goes.
    static func replace(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let id = try request.id("id")
        var body = try BodyReader(request)
        let name = body.required("name", .groupName)
        let picture = body.optional("picture", .id)
        let announcement = body.optional("announcement", .bool) ?? false
        try body.finish()
        let change = GroupStore.Update(name: name, announcement: announcement, picture: AttachmentChange(picture))
        return try await update(id, change, services, request)
    }

    /// RFC 7396.
    static func patch(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let id = try request.id("id")
        var body = try BodyReader(request)
        var change = GroupStore.Update()
        switch body.patch("name", .groupName) {
        case .absent: break
        case .removed: body.refuse("name", "cannot be removed")
        case .set(let name): change.name = name
        }
        switch body.patch("announcement", .bool) {
        case .absent: break
        case .removed: change.announcement = false
        case .set(let announcement): change.announcement = announcement
        }
        change.picture = AttachmentChange(body.patch("picture", .id))
        try body.finish()
        return try await update(id, change, services, request)
    }

    static func end(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let outcome = try await services.groups.end(try request.id("id"), by: request.userID)
        try outcome.get(role: "Only the owner ends a group.")
        return .noContent
    }

    private static func update(
        _ id: Int64, _ change: GroupStore.Update, _ services: RestServices, _ request: RestRequest
    ) async throws -> HTTPResponse {
        let outcome = try await services.groups.update(
            id, change, by: request.userID, ifVersionIn: request.versionsToMatch)
        return answer(try outcome.get(role: "Only admins change a group."))
    }

    private static func answer(
        _ group: Group, status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> HTTPResponse {
        .json(status, headers: headers + [("ETag", "\"v\(group.version)\"")]) { group.write(to: &$0) }
    }
}

extension GroupStore.Outcome {
    /// The value, or the problem that stands for there being none.
    /// - Parameter role: who could have done it.
    @discardableResult
    func get(role: String) throws(Problem) -> Value {
        switch self {
        case .done(let value): return value
        case .notFound: throw .notFound
        case .attachmentMissing: throw .noSuchPicture
        case .noSuchMember: throw Problem(.notFound, "There is no such member.")
        case .forbidden: throw .forbidden(role)
        case .stale: throw Problem(.preconditionFailed, "Read the group again.")
        case .lastOwner: throw Problem(.lastOwner, "Make another member the owner first.")
        }
    }
}

extension Problem {
    fileprivate static var noSuchPicture: Problem { Problem(field: "picture", "is no attachment that you may load") }
}

extension Rule where Value == String {
    fileprivate static var groupName: Rule { .text(GroupRoutes.nameLength) }
}
