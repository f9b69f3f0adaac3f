import JSON
import Persistence
import Transport

/// Members of groups.
enum MemberRoutes {
    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let group = try request.id("id")
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let found = try await services.groups.members(
            of: group, for: request.userID, after: cursor ?? 0, limit: limit + 1)
        guard let (members, hasMore) = found?.page(limit) else { throw Problem.notFound }
        let next = hasMore ? members.last.map { "/groups/\(group)/members?limit=\(limit)&cursor=\($0.user.id)" } : nil
        return .page(next: next) { writer in
            for member in members { member.write(to: &writer, seenBy: request.userID) }
        }
    }

    static func add(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let group = try request.id("id")
        var body = try BodyReader(request)
        body.expectOne(of: "user_id", or: "user_ids")
        let one = body.optional("user_id", .id)
        let many = body.optional("user_ids", .ids(max: GroupRoutes.idsMax))
        try body.finish()
        let users = many ?? one.map { [$0] } ?? []
        let statuses = try await services.groups.add(users, to: group, by: request.userID)
            .get(role: "Only admins add members.")
        return .json { writer in
            writer.beginObject()
            writer.name("results")
            writer.beginArray()
            for (user, status) in zip(users, statuses) {
                writer.beginObject()
                writer.name("user_id")
                writer.id(user)
                writer.name("status")
                writer.string(status.rawValue)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
    }

    static func remove(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let group = try request.id("id")
        var body = try BodyReader(request)
        let user = body.required("user_id", .id)
        try body.finish()
        guard let user else { preconditionFailure("finish lets no gap through") }
        try await services.groups.remove(user, from: group, by: request.userID)
            .get(role: "Only admins remove members, and only the owner removes admins.")
        return .noContent
    }

    static func leave(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let group = try request.id("id")
        try BodyReader.expectNone(request)
        try await services.groups.leave(group, by: request.userID).get(role: "")
        return .noContent
    }

    static func setRole(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let group = try request.id("id")
        let user = try request.id("user_id")
        var body = try BodyReader(request)
        let role = body.required("role", .role)
        try body.finish()
        guard let role else { preconditionFailure("finish lets no gap through") }
        let member = try await services.groups.setRole(role, of: user, in: group, by: request.userID)
            .get(role: "Only the owner gives roles.")
        return .json { member.write(to: &$0, seenBy: request.userID) }
    }
}

extension Member {
    /// `{user, role, joined_at}`
    func write(to writer: inout JSONWriter, seenBy viewer: Int64) {
        writer.beginObject()
        writer.name("user")
        user.write(to: &writer, seenBy: viewer)
        writer.name("role")
        writer.string(role.name)
        writer.name("joined_at")
        writer.time(milliseconds: joinedAt)
        writer.endObject()
    }
}

extension Rule where Value == GroupRole {
    fileprivate static var role: Rule {
        Rule { value in
            value.string.flatMap(GroupRole.init(name:)).map { .success($0) }
                ?? .failure(Flaw(message: "must be member, admin or owner"))
        }
    }
}
