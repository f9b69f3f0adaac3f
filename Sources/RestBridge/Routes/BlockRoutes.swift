import Persistence
import Transport

/// Whom the caller blocks.
enum BlockRoutes {
    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let (blocked, hasMore) = try await services.friends.blocked(
            by: request.userID, after: cursor ?? 0, limit: limit + 1
        ).page(limit)
        let next = hasMore ? blocked.last.map { "/blocks?limit=\(limit)&cursor=\($0.user.id)" } : nil
        return .page(next: next) { writer in
            for user in blocked { user.write(to: &writer, seenBy: request.userID) }
        }
    }

    static func block(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let answer = try await FriendRoutes.handleUserInBody(.block, services, request)
        return .json(201, headers: [("Location", "/blocks/\(answer.other.id)")]) { writer in
            writer.beginObject()
            writer.name("user")
            answer.other.write(to: &writer, seenBy: request.userID)
            writer.name("created_at")
            writer.time(milliseconds: answer.since)
            writer.endObject()
        }
    }

    static func unblock(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let other = try request.id("user_id")
        guard other != request.userID,
            try await services.friends.handle(.unblock, by: request.userID, with: other) != nil
        else { throw Problem.notFound }
        return .noContent
    }
}
